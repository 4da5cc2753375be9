import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { domain } from '../domain.ts';
import type { ErrorPrinter } from '../rest/error-body.ts';
import { HttpFault, type Failure } from './faults.ts';
import type { Limits } from '../limits.ts';

// Not imported: an ES import of node:http touches the getters of WebSocket and so loads undici, 13 MB.
const { createServer } = process.getBuiltinModule('node:http');

export interface HttpServer {
  /** Opens the port, 0 for any; answers which. Rejects when it cannot be had. */
  listen(host: string, port: number): Promise<number>;
  /**
   * For `delayMs` serves on, but closes each connection with its next answer, until whoever sends requests
   * here has heard. Then takes no new connections, closes idle ones, and waits for the requests in flight;
   * what is not through after `graceMs` more is cut.
   */
  drain(graceMs: number, delayMs: number): Promise<void>;
}

/**
 * An HTTP/1.1 server that defends itself: limits on headers and on slow clients are node:http's own,
 * and what cannot even be parsed is answered in the same form as everything else.
 */
export function createHttpServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  limits: Limits,
  errors: () => ErrorPrinter,
): HttpServer {
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
    // Small answers would otherwise wait for the acknowledgement of the one before.
    noDelay: true,
  });
  server.maxConnections = limits.connections;
  let draining = false;
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    if (draining) response.setHeader('connection', 'close');
    handle(request, response);
  };
  server.on('request', serve);
  server.on('checkContinue', serve);
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) =>
    refuse(socket as Socket, parseFailure(error, limits.urlBytes), errors()),
  );
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
    async drain(graceMs, delayMs) {
      draining = true;
      await delay(delayMs);
      await close(server, graceMs);
    },
  };
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // A connection that was busy above becomes idle once its answer is out.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}

/** What a request was that node:http could not read. */
function parseFailure(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, urlBytes: number): Failure {
  if (error.code === 'HPE_HEADER_OVERFLOW')
    return hasLongTarget(error.rawPacket?.toString('latin1') ?? '', urlBytes)
      ? fault(414, 'URI_TOO_LONG', 'the URL is too long')
      : fault(431, 'HEADERS_TOO_LARGE', 'the headers are too large');
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return fault(408, 'REQUEST_TIMEOUT', 'the request did not arrive in time');
  if (error.code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return fault(413, 'BODY_TOO_LARGE', 'the chunk extensions are too large');
  return fault(400, 'MALFORMED_REQUEST', 'this is no HTTP/1.1 request');
}

/** Whether it is the request line that fills the packet. */
function hasLongTarget(packet: string, urlBytes: number): boolean {
  const end = packet.indexOf('\r\n');
  return /^[A-Z]+ \S/.test(packet) && (end === -1 || end > urlBytes);
}

function fault(status: number, reason: string, message: string): Failure {
  return new HttpFault(status, 'INVALID_ARGUMENT', reason, message).failure;
}

function refuse(socket: Socket, failure: Failure, errors: ErrorPrinter): void {
  const current = (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
  // Requests before this one on the same connection (pipelining) are answered first.
  if (current?.req.complete === true) {
    current.once('close', () => refuse(socket, failure, errors));
    return;
  }
  // An answer that has begun may get nothing put into it.
  if (!socket.writable || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  const body = errors.print(failure, domain);
  socket.end(
    `HTTP/1.1 ${failure.status} \r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `x-content-type-options: nosniff\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
