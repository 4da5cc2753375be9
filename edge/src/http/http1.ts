import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Limits } from '../limits.ts';
import type { ErrorPrinter } from '../rest/error-body.ts';
import { acceptIn, noTunnels, parseFailure, refuseConnection } from './refusal.ts';

// Not imported: an ES import of node:http touches the getters of WebSocket and so loads undici, 13 MB.
const http = process.getBuiltinModule('node:http');

/**
 * The HTTP/1.1 side of the port, which is the one that listens: limits on headers and on slow clients are
 * node:http's own, and what cannot even be parsed is answered in the same form as everything else.
 */
export function createHttp1(
  serve: (request: IncomingMessage, response: ServerResponse) => void,
  limits: Limits,
  errors: () => ErrorPrinter,
  tls: SecureContextOptions | undefined,
): Server {
  const options = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    // How long a whole request may take depends on what it asks for: see arrival.ts.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
    // Checked here, to be answered like other faults.
    requireHostHeader: false,
    // Small answers would otherwise wait for the acknowledgement of the one before.
    noDelay: true,
  };
  const server =
    tls === undefined ? http.createServer(options) : createTls({ ...options, ...tls }, limits.headersMs);
  server.maxConnections = limits.connections;
  // Node would drop those above its own default without a word; their size is limited.
  server.maxHeadersCount = 0;
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, serve);
  server.on('connect', (_, socket) => refuseConnection(socket as Socket, noTunnels(), errors()));
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) =>
    refuseConnection(socket as Socket, parseFailure(error, limits.urlBytes), errors(), acceptIn(error)),
  );
  return server;
}

function createTls(
  options: SecureContextOptions & Parameters<typeof http.createServer>[0],
  handshakeTimeout: number,
): TlsServer {
  const { createServer } = process.getBuiltinModule('node:https');
  const server = createServer({ ...options, handshakeTimeout, ALPNProtocols: ['h2', 'http/1.1'] });
  // Node would pass it on as a clientError; whoever cannot do TLS cannot read an answer either.
  server.removeAllListeners('tlsClientError');
  server.on('tlsClientError', (_, socket) => socket.destroy());
  return server;
}

/** Replaces what a server does with its connections; answers what it did. */
export function takeConnections(
  server: Server,
  event: 'connection' | 'secureConnection',
  take: (socket: Socket) => void,
): (socket: Socket) => void {
  const [own] = server.listeners(event) as ((socket: Socket) => void)[];
  if (own === undefined) throw new Error(`node:http does not listen to ${event}`);
  server.off(event, own);
  server.on(event, take);
  return (socket) => own.call(server, socket);
}
