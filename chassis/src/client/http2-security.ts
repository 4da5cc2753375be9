import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { workloadOf, type TlsIdentity } from '../tls.ts';

/** How an upstream proves who it is, and whether this side does. */
export type Http2Security =
  /** Neither: HTTP/2 with prior knowledge (h2c). */
  | { readonly kind: 'plaintext' }
  /** The upstream by its host's name. `ca`: PEM of the authorities to trust. Default: those of Node. */
  | { readonly kind: 'tls'; readonly ca?: Buffer }
  /** Both, as workloads of the mesh over TLS 1.3 (SPIFFE). `trustDomain`: default `weft.local`. */
  | { readonly kind: 'mesh'; readonly tls: TlsIdentity; readonly trustDomain?: string };

/** How to reach one instance. */
export interface Dialer {
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  dial(): Socket;
}

/** Dialers of addresses. Throws at once where certificates or keys cannot be read. */
export function dialers(security: Http2Security): (address: string, workload: string | undefined) => Dialer {
  switch (security.kind) {
    case 'plaintext':
      return (address) => ({
        scheme: 'http',
        authority: address,
        dial: () => connectTcp({ ...hostAndPort(address), noDelay: true }),
      });
    case 'tls': {
      const context = createSecureContext(security.ca === undefined ? {} : { ca: security.ca });
      return (address) => ({ scheme: 'https', authority: address, dial: () => dialTls(address, context) });
    }
    case 'mesh': {
      const { tls, trustDomain = 'weft.local' } = security;
      const { ca, cert, key } = tls;
      const context = createSecureContext({ ca, cert, key, minVersion: 'TLSv1.3' });
      return (address, workload) => ({
        scheme: 'https',
        authority: workload ?? 'mesh',
        dial: () => dialWorkload(address, context, workload, trustDomain),
      });
    }
  }
}

function dialTls(address: string, secureContext: SecureContext): Socket {
  const { host, port } = hostAndPort(address);
  // An IP address may not be sent as server name (RFC 6066, section 3).
  const servername = isIP(host) === 0 ? host : '';
  return connectTls({ host, port, servername, secureContext, ALPNProtocols: ['h2'] });
}

function dialWorkload(
  address: string,
  secureContext: SecureContext,
  workload: string | undefined,
  trustDomain: string,
): Socket {
  return connectTls({
    ...hostAndPort(address),
    servername: workload ?? 'mesh',
    secureContext,
    ALPNProtocols: ['h2'],
    // The name in the certificate is the workload's, not the host's (SPIFFE).
    checkServerIdentity: (host, { subjectaltname }) => {
      const found = workloadOf(subjectaltname, trustDomain);
      if (found !== undefined && (workload === undefined || found === workload)) return undefined;
      return new Error(`${host} is ${found ?? 'no workload of the mesh'}, not ${workload ?? 'one'}`);
    },
  });
}

/** Of `host:port` or `[IPv6]:port`. */
function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(address.slice(colon + 1)) };
}
