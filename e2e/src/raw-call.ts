import { readFileSync } from 'node:fs';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { errorJson } from '@weft/tools/grpc-call';

/** Who calls: PEM texts. Without a certificate the client shows none. */
export interface RawIdentity {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Reads what identityFiles names. */
export function readIdentity(files: {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}): RawIdentity {
  const read = (file: string) => readFileSync(file, 'utf8');
  return { ca: read(files.ca), cert: read(files.cert), key: read(files.key) };
}

/** A client by hand, of one process. */
export function rawClient(port: number, { ca, cert, key }: RawIdentity): Client {
  const bytes = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text));
  return new Client(
    `127.0.0.1:${port}`,
    credentials.createSsl(Buffer.from(ca), bytes(key) ?? null, bytes(cert) ?? null),
    { 'grpc.ssl_target_name_override': 'localhost', 'grpc.use_local_subchannel_pool': 1 },
  );
}

/**
 * Calls any method with an empty message. `allowed`: it answered, or failed for another reason than who called;
 * otherwise the reason of the refusal, or the code where there is none.
 */
export function rawCall(client: Client, path: string, token?: string, waitMs = 5_000): Promise<string> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const same = (bytes: Buffer): Buffer => bytes;
  const call = client.makeBidiStreamRequest(path, same, same, metadata, { deadline: Date.now() + waitMs });
  return new Promise((resolve) => {
    call.on('data', () => {
      resolve('allowed');
      call.cancel();
    });
    call.on('end', () => resolve('allowed'));
    call.on('error', (error: ServiceError) => resolve(outcome(error)));
    call.end(Buffer.alloc(0));
  });
}

const refusals = new Set([
  'ACCESS_DENIED',
  'ROLE_REQUIRED',
  'CALLER_NOT_ALLOWED',
  'TOKEN_REQUIRED',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'SESSION_REVOKED',
  'CERTIFICATE_REQUIRED',
  'KEYS_UNAVAILABLE',
]);

function outcome(error: ServiceError): string {
  const { details } = errorJson(error) as unknown as {
    readonly details: readonly { readonly reason?: string }[];
  };
  const reason = details.find((detail) => detail.reason !== undefined)?.reason;
  if (reason === undefined) return `code ${error.code}`;
  return refusals.has(reason) ? reason : 'allowed';
}
