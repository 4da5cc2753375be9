import { ServerCredentials } from '@grpc/grpc-js';
import type { ServerHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { TlsIdentity } from '../tls.ts';

/** TLS 1.3 with a client certificate of the mesh's authority: a connection without one is refused. */
export class MeshServerCredentials extends ServerCredentials {
  constructor({ ca, cert, key }: TlsIdentity) {
    const version = { minVersion: 'TLSv1.3' } as const;
    super(
      { requestCert: true, rejectUnauthorized: true, ...version },
      { ca, cert: [cert], key: [key], ...version },
    );
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
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

/** grpc-js has the session in private fields; where they are not as in 1.14, the slow way is taken. */
function sessionOf(call: PeerOfCall): ServerHttp2Session | undefined {
  return (call as { call?: { stream?: { session?: ServerHttp2Session } } }).call?.stream?.session;
}
