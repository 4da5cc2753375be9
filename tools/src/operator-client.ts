import { readFileSync } from 'node:fs';
import { Client, credentials } from '@grpc/grpc-js';
import type { IdentityFiles } from './certificates.ts';

/** A gRPC client of one process on this machine, over mutual TLS. The caller closes it. */
export function operatorClient(port: number, { ca, key, cert }: IdentityFiles): Client {
  const tls = credentials.createSsl(readFileSync(ca), readFileSync(key), readFileSync(cert));
  // TLS has no server name for an IP address (RFC 6066); our certificates name localhost too.
  return new Client(`127.0.0.1:${port}`, tls, { 'grpc.ssl_target_name_override': 'localhost' });
}
