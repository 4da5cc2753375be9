import { X509Certificate } from 'node:crypto';
import type { Server } from '@grpc/grpc-js';
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { refusalReason } from '../tls-refusals.ts';
import type { TlsSource } from '../tls-source.ts';
import { workloadOf } from '../tls.ts';

const hourMs = 3_600_000;
/** The longest that a timer may wait. */
const longestTimerMs = 2 ** 31 - 1;

export interface ConnectionsOptions {
  readonly tls: TlsSource;
  readonly trustDomain: string;
  /** A connection is ended at this age, give or take a tenth. Default: 2 h, after its clients renew it themselves. */
  readonly maxAgeMs?: number | undefined;
  /** So long may its calls take once a connection is being ended. Default: 30,000 ms. */
  readonly graceMs?: number | undefined;
  /** Told of each connection. */
  readonly onSession?: ((session: ServerHttp2Session) => void) | undefined;
  /** Ends the streams of a connection, so that their callers open them again on another. */
  readonly endStreams: (session: ServerHttp2Session) => void;
}

/** The connections that a server has taken. */
export interface Connections {
  /** Watches over those of this server, which listens. Throws where grpc-js is not as in 1.14. */
  watch(server: Server): void;
  close(): void;
}

/**
 * Sees to it that no connection outlives what it was opened on: the peer's certificate, ours, and the
 * authorities that we trust. It is then told to go away (GOAWAY), its streams are ended, and it is cut once
 * its calls are through, at the latest after `graceMs`. Refused peers are told of.
 */
export function createConnections(options: ConnectionsOptions): Connections {
  const { tls, trustDomain, maxAgeMs = 2 * hourMs, graceMs = 30_000 } = options;
  const sessions = new Set<ServerHttp2Session>();
  let authorities = tls.current().ca;
  let ownEndMs = endOf(tls.current().cert);

  const end = (session: ServerHttp2Session): void => {
    if (!sessions.delete(session) || session.closed) return;
    session.close();
    options.endStreams(session);
    const cut = setTimeout(() => session.destroy(), graceMs).unref();
    session.once('close', () => clearTimeout(cut));
  };

  const unfollow = tls.onChange(() => {
    const { ca, cert } = tls.current();
    ownEndMs = endOf(cert);
    if (ca.equals(authorities)) return;
    authorities = ca;
    // Each peer shows its certificate again, to the authorities that count now.
    for (const session of sessions) end(session);
  });

  const begin = (session: ServerHttp2Session): void => {
    const socket = session.socket as TLSSocket;
    const { valid_to: validTo, subjectaltname } = socket.getPeerCertificate();
    if (workloadOf(subjectaltname, trustDomain) === undefined)
      tls.refused({
        side: 'server',
        reason: 'workload',
        peer: addressOf(socket),
        detail: `its certificate names no workload of ${trustDomain}: ${subjectaltname ?? 'no name'}`,
      });
    const leftMs = Math.min(Date.parse(validTo), ownEndMs) - Date.now();
    const ageMs = Math.min(maxAgeMs * (0.9 + Math.random() / 5), Math.max(leftMs, 0), longestTimerMs);
    options.onSession?.(session);
    sessions.add(session);
    const timer = setTimeout(() => end(session), ageMs).unref();
    session.once('close', () => {
      clearTimeout(timer);
      sessions.delete(session);
    });
  };

  const refused = (error: NodeJS.ErrnoException, socket: TLSSocket): void => {
    // What Node found wrong with the certificate; it does not tell a peer that showed none from others.
    const found = (socket.authorizationError as unknown as string | null) ?? undefined;
    const reason = found === 'UNSPECIFIED' ? 'no_certificate' : refusalReason(found ?? error.code);
    tls.refused({
      side: 'server',
      reason: reason ?? 'handshake',
      peer: addressOf(socket),
      detail: found ?? error.message,
    });
  };

  return {
    watch(server) {
      const servers = [...httpServersOf(server)];
      if (servers.length === 0) throw new Error('this version of grpc-js does not show its HTTP/2 servers');
      for (const one of servers) {
        // Read now, it is still known once Node has destroyed the connection for its certificate.
        one.on('connection', (socket: Socket) => void socket.remoteAddress);
        one.on('session', begin);
        one.on('tlsClientError', refused);
      }
    },
    close: unfollow,
  };
}

/** grpc-js 1.14 keeps them in a private map, and shows neither its connections nor failed handshakes otherwise. */
function httpServersOf(server: Server): Iterable<Http2SecureServer> {
  const { http2Servers } = server as unknown as { http2Servers?: ReadonlyMap<Http2SecureServer, unknown> };
  return http2Servers?.keys() ?? [];
}

/** Of a connection that may be gone: then the one below TLS knows it, in a private field of Node's. */
function addressOf(socket: TLSSocket): string {
  const { _parent: below } = socket as TLSSocket & { readonly _parent?: Socket | null };
  return socket.remoteAddress ?? below?.remoteAddress ?? 'unknown';
}

/** When a certificate ends, epoch milliseconds. */
function endOf(cert: Buffer): number {
  return new X509Certificate(cert).validToDate.getTime();
}
