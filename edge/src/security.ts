import { readFileSync } from 'node:fs';
import type { Http2Security } from '@weft/chassis/client/http2-security';
import { StartError } from '@weft/chassis/lifecycle';
import type { Logger } from '@weft/chassis/logger';
import { openMeshIdentity } from '@weft/chassis/process-parts';

/** TLS_CA_FILE, TLS_CERT_FILE and TLS_KEY_FILE, and TRUST_DOMAIN. */
export interface SecurityFiles {
  /** A PEM file, or `system` for the authorities that Node trusts. */
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly trustDomain: string;
}

/**
 * How upstreams are connected to: in plaintext without any file, with TLS where there are authorities, with
 * the mesh's mutual TLS where there are a certificate and its key too. Files of the mesh are followed: they
 * are replaced all the time. Throws a StartError with the variable.
 */
export function readSecurity(
  { caFile, certFile, keyFile, trustDomain }: SecurityFiles,
  logger: Logger,
): Http2Security {
  if (caFile === undefined) return { kind: 'plaintext' };
  if (certFile !== undefined && keyFile !== undefined)
    return {
      kind: 'mesh',
      tls: openMeshIdentity({ caFile, certFile, keyFile }, trustDomain, logger),
      trustDomain,
    };
  return caFile === 'system' ? { kind: 'tls' } : { kind: 'tls', ca: readAuthorities(caFile) };
}

function readAuthorities(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StartError(`TLS_CA_FILE names ${file}, which cannot be read`, { cause: error });
  }
}
