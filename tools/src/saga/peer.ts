import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Client, credentials, Metadata, type MethodDefinition, type ServiceError } from '@grpc/grpc-js';
import { workloadOf } from '@weft/chassis/tls';
import { SagaOperationsServiceService as Operations } from '@weft/proto/weft/v1/saga_operations';
import type { IdentityFiles } from '../certificates.ts';

/** One instance of a service, as an operator talks to it. */
export interface Peer {
  readonly address: string;
  call<Req, Res>(method: MethodDefinition<Req, Res>, request: Req): Promise<Res>;
  close(): void;
}

export { Operations };

const timeoutMs = 10_000;

/**
 * Connects to `host:port` over mutual TLS. The other side must show a certificate of the mesh: one of our
 * authority that names a workload of `trustDomain`; its host names do not matter.
 */
export function openPeer(address: string, { ca, key, cert }: IdentityFiles, trustDomain: string): Peer {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  const tls = credentials.createSsl(readFileSync(ca), readFileSync(key), readFileSync(cert), {
    checkServerIdentity: (_, { subjectaltname }) =>
      workloadOf(subjectaltname, trustDomain) === undefined
        ? new Error(`its certificate names no workload of ${trustDomain}`)
        : undefined,
  });
  const client = new Client(address, tls, {
    // TLS has no server name for an IP address (RFC 6066).
    ...(isIP(host) === 0 ? {} : { 'grpc.ssl_target_name_override': 'localhost' }),
    'grpc.max_receive_message_length': 64 * 1024 * 1024,
  });
  return {
    address,
    call: (method, request) =>
      new Promise((resolve, reject) => {
        const done = (error: ServiceError | null, answer?: Parameters<typeof resolve>[0]) => {
          if (error !== null) reject(new PeerError(address, method.path, error));
          else resolve(answer as never);
        };
        client.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          new Metadata(),
          { deadline: Date.now() + timeoutMs },
          done as never,
        );
      }),
    close: () => client.close(),
  };
}

/** A call that failed, in words for the person at the keyboard. */
export class PeerError extends Error {
  readonly code: number;

  constructor(address: string, path: string, { code, details }: ServiceError) {
    super(`${address} ${path.slice(path.lastIndexOf('/') + 1)}: ${details}`);
    this.code = code;
  }
}
