import { createSecureContext, type PeerCertificate, type SecureContext } from 'node:tls';
import { refusalReason, wrongWorkload } from '../tls-refusals.ts';
import { tlsSource, type TlsSource } from '../tls-source.ts';
import { workloadOf, type TlsIdentity } from '../tls.ts';

/** The client's side of the mesh's mutual TLS, whatever connects. */
export interface MeshTls {
  readonly source: TlsSource;
  /** For a connection that is made now: of the identity that there is now. */
  context(): SecureContext;
  /** Node's `checkServerIdentity`: the name in the certificate is the workload's, not the host's (SPIFFE). */
  checkServer(
    workload: string | undefined,
  ): (host: string, certificate: PeerCertificate) => Error | undefined;
  /** Tells of an instance whose certificate was refused; of other errors it takes no notice. */
  failed(address: string, error: unknown): void;
}

/** Throws where the identity cannot be used. */
export function meshTls(tls: TlsIdentity | TlsSource, trustDomain: string): MeshTls {
  const source = tlsSource(tls);
  let of: TlsIdentity | undefined;
  let context: SecureContext;
  const current = (): SecureContext => {
    const identity = source.current();
    if (of === identity) return context;
    const { ca, cert, key } = identity;
    context = createSecureContext({ ca, cert, key, minVersion: 'TLSv1.3' });
    of = identity;
    return context;
  };
  current();
  return {
    source,
    context: current,
    checkServer: (workload) => (host, certificate) => {
      const found = workloadOf(certificate.subjectaltname, trustDomain);
      if (found !== undefined && (workload === undefined || found === workload)) return undefined;
      const text = `${host} is ${found ?? 'no workload of the mesh'}, not ${workload ?? 'one'}`;
      return Object.assign(new Error(text), { code: wrongWorkload });
    },
    failed(peer, error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const reason = refusalReason(code);
      if (reason !== undefined) source.refused({ side: 'client', reason, peer, detail: message });
    },
  };
}
