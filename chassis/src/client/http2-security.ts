import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { TlsSource } from '../tls-source.ts';
import type { TlsIdentity } from '../tls.ts';
import { meshTls, type MeshTls } from './mesh-tls.ts';

/** How an upstream proves who it is, and whether this side does. */
export type Http2Security =
  /** Neither: HTTP/2 with prior knowledge (h2c). */
  | { readonly kind: 'plaintext' }
  /** The upstream by its host's name. `ca`: PEM of the authorities to trust. Default: those of Node. */
  | { readonly kind: 'tls'; readonly ca?: Buffer }
  /** Both, as workloads of the mesh over TLS 1.3 (SPIFFE). `trustDomain`: default `weft.local`. */
  | { readonly kind: 'mesh'; readonly tls: TlsIdentity | TlsSource; readonly trustDomain?: string };

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
      const tls = meshTls(security.tls, security.trustDomain ?? 'weft.local');
      return (address, workload) => ({
        scheme: 'https',
        authority: workload ?? 'mesh',
        dial: () => dialWorkload(address, tls, workload),
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

function dialWorkload(address: string, tls: MeshTls, workload: string | undefined): Socket {
  const socket = connectTls({
    ...hostAndPort(address),
    servername: workload ?? 'mesh',
    secureContext: tls.context(),
    ALPNProtocols: ['h2'],
    checkServerIdentity: tls.checkServer(workload),
  });
  return socket.once('error', (error) => tls.failed(address, error));
}

/** Of `host:port` or `[IPv6]:port`. */
function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(address.slice(colon + 1)) };
}
