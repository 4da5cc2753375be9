import { ServiceError } from '../errors.ts';

/** The etag of a row's version, quoted as in HTTP (AIP-154, RFC 9110 section 8.8.3). Opaque to clients. */
export function etagOf(version: number): string {
  return `"${version.toString(36)}"`;
}

/** ABORTED with reason ETAG_MISMATCH when the etag that was sent is not the current one; none sent is no condition. */
export function requireEtag(sent: string, version: number): void {
  if (sent !== '' && sent !== etagOf(version))
    throw new ServiceError('ABORTED', 'ETAG_MISMATCH', 'it was changed since it was read; read it again');
}
