import { ServerCredentials } from '@grpc/grpc-js';
import { constants } from 'node:crypto';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import type { TlsSource } from '../tls-source.ts';
import type { TlsIdentity } from '../tls.ts';

const version = { minVersion: 'TLSv1.3' } as const;

/**
 * TLS 1.3 with a client certificate of the mesh's authority: a connection without one is refused. New
 * connections are taken with the identity that there is then. Sessions are not resumed: a ticket would stand
 * for a certificate that nobody looks at again.
 */
export class MeshServerCredentials extends ServerCredentials {
  readonly #unfollow: () => void;

  constructor(tls: TlsSource) {
    super({ requestCert: true, rejectUnauthorized: true, ...version }, contextOf(tls.current()));
    this.#unfollow = tls.onChange(() => this.updateSecureContextOptions(contextOf(tls.current())));
  }

  /** From now on the identity stays as it is. */
  close(): void {
    this.#unfollow();
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ ca, cert, key }: TlsIdentity): SecureContextOptions {
  return { ca, cert: [cert], key: [key], secureOptions: constants.SSL_OP_NO_TICKET, ...version };
}

/** What grpc-js offers of a call's peer. Reading the certificate anew costs about 50 µs. */
interface PeerOfCall {
  getAuthContext(): { readonly sslPeerCertificate?: { readonly subjectaltname?: string } };
}

const names = new WeakMap<ServerHttp2Session, string | undefined>();

/** The alternative names in the certificate of a call's peer, read once per connection. */
export function peerNames(call: PeerOfCall): string | undefined {
  const session = sessionOf(call);
  if (session === undefined) return call.getAuthContext().sslPeerCertificate?.subjectaltname;
  if (names.has(session)) return names.get(session);
  const socket = session.socket as TLSSocket;
  const found = socket.authorized ? socket.getPeerCertificate().subjectaltname : undefined;
  names.set(session, found);
  return found;
}

/** The connection of a call. grpc-js has it in private fields; undefined where they are not as in 1.14. */
export function sessionOf(call: object): ServerHttp2Session | undefined {
  return streamOf(call)?.session as ServerHttp2Session | undefined;
}

/** The stream of a call, of which the same is true. */
export function streamOf(call: object): ServerHttp2Stream | undefined {
  return (call as { call?: { stream?: ServerHttp2Stream } }).call?.stream;
}
