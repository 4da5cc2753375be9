import { ServiceError } from '@weft/chassis/errors';

/** Throws INVALID_ARGUMENT for another version of Connect's protocol than the one there is; none is fine. */
export function checkVersion(sent: string | string[] | null | undefined, known: string): void {
  if (sent === undefined || sent === null || sent === known) return;
  throw new ServiceError(
    'INVALID_ARGUMENT',
    'UNSUPPORTED_PROTOCOL_VERSION',
    `this is version "${known}" of Connect's protocol, and no other`,
  );
}
