import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import type { Logger } from '@weft/chassis/logger';
import type { Limits } from '../limits.ts';
import type { ErrorPrinter } from '../rest/error-body.ts';
import { limitArrival } from './arrival.ts';
import { hasBody } from './body.ts';
import { cutAnswer, letGoAfter } from './cut.ts';
import { createHttp1, takeConnections } from './http1.ts';
import { createHttp2, type Http2Side } from './http2.ts';
import { quietMoment } from './quiet-moment.ts';
import { sniffProtocol } from './protocol-sniff.ts';
import {
  headerFailure,
  headersTooLarge,
  noTunnels,
  refuseConnection,
  refuseRequest,
  requestTimeout,
} from './refusal.ts';
import { followTlsFiles, readTlsFiles, type TlsFiles } from './tls-files.ts';

export interface HttpServer {
  /** Opens the port, 0 for any; answers which. Rejects when it cannot be had. */
  listen(host: string, port: number): Promise<number>;
  /**
   * For `delayMs` serves on, but closes each connection with its next answer (HTTP/2: tells it to open its
   * next streams elsewhere), until whoever sends requests here has heard. Then takes no new connections,
   * closes idle ones, and waits for the requests in flight; what is not through after `graceMs` more is cut.
   */
  drain(graceMs: number, delayMs: number): Promise<void>;
}

export interface HttpServerOptions {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  readonly limits: Limits;
  readonly errors: () => ErrorPrinter;
  readonly logger: Logger;
  /** Without it the port is cleartext. */
  readonly tls?: TlsFiles | undefined;
}

/**
 * One port for HTTP/1.1 and HTTP/2: in cleartext the first bytes tell them apart (prior knowledge, RFC 9113,
 * 3.3), under TLS it is ALPN. Throws where the TLS files cannot be used.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { limits, errors, logger, tls } = options;
  let draining = false;
  const serve = createGuard(options, () => draining);
  const http2 = createHttp2(serve, limits);
  const http1 = createHttp1(serve, limits, errors, tls && readTlsFiles(tls));
  const connections = new Set<Socket>();
  http1.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  const undecided = takeBoth(http1, http2, options);
  const unfollow =
    tls && followTlsFiles(tls, (context) => (http1 as TlsServer).setSecureContext(context), logger);
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        http1.once('error', reject);
        http1.listen(port, host, () => {
          http1.off('error', reject);
          resolve((http1.address() as AddressInfo).port);
        });
      }),
    async drain(graceMs, delayMs) {
      draining = true;
      http2.announceEnd();
      await delay(delayMs);
      await quietMoment(http1, firstBytesMs);
      unfollow?.();
      http2.close();
      await close(http1, { undecided, connections }, graceMs);
    },
  };
}

type TlsServer = Server & { setSecureContext(context: ReturnType<typeof readTlsFiles>): void };

/** Sends each new connection to the side that speaks its protocol; answers those that have not said yet. */
function takeBoth(http1: Server, http2: Http2Side, options: HttpServerOptions): ReadonlySet<Socket> {
  const { limits, errors, tls } = options;
  const undecided = new Set<Socket>();
  if (tls !== undefined) {
    const serveHttp1 = takeConnections(http1, 'secureConnection', (socket) =>
      (socket as TLSSocket).alpnProtocol === 'h2' ? http2.accept(socket) : serveHttp1(socket),
    );
    return undecided;
  }
  const serveHttp1 = takeConnections(http1, 'connection', (socket) => {
    undecided.add(socket);
    socket.once('close', () => undecided.delete(socket));
    sniffProtocol(socket, limits.headersMs, (spoken, begun) => {
      undecided.delete(socket);
      if (spoken === 'h2') http2.accept(socket);
      else if (spoken === 'http/1.1') {
        serveHttp1(socket);
        socket.resume();
      } else if (spoken === 'late' && begun) refuseConnection(socket, requestTimeout(), errors());
      else socket.destroy();
    });
  });
  return undecided;
}

/** What stands before the handler: requests that HTTP itself forbids, and those that take too long. */
function createGuard(
  { handle, limits, errors }: HttpServerOptions,
  draining: () => boolean,
): (request: IncomingMessage, response: ServerResponse) => void {
  const headersOf = (request: IncomingMessage) =>
    'stream' in request && isLarge(request.rawHeaders, limits.headerBytes)
      ? headersTooLarge()
      : headerFailure(request);
  return (request, response) => {
    // Not by the version: a request line of HTTP/1.1 may claim any.
    const first = !('stream' in response);
    if (draining() && first) response.setHeader('connection', 'close');
    const failure = request.method === 'CONNECT' ? noTunnels() : headersOf(request);
    if (failure !== undefined) {
      refuseRequest(request, response, failure, errors());
      return;
    }
    // One without a body has arrived.
    if (first && !hasBody(request)) {
      handle(request, response);
      return;
    }
    limitArrival(request, response, limits.requestMs, () => {
      if (first) refuseConnection(request.socket, requestTimeout(), errors(), request.headers.accept);
      else if (response.headersSent) cutAnswer(response);
      else refuseRequest(request, response, requestTimeout(), errors());
    });
    if (first) response.once('finish', () => linger(request, limits.slowClientMs));
    else letGoAfter(response as unknown as Http2ServerResponse);
    handle(request, response);
  };
}

/** Lets go of a request that was answered before it had arrived in full. */
function linger(request: IncomingMessage, lingerMs: number): void {
  if (request.complete) return;
  // Cut at once, the client would lose the answer too: its unread bytes would reset the connection.
  const { socket } = request;
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  request.once('end', () => clearTimeout(timer));
  request.resume();
}

/** The size of a header list as HTTP/1.1 would write it, without the pseudo headers. */
function isLarge(rawHeaders: readonly string[], maxBytes: number): boolean {
  let bytes = 0;
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.startsWith(':') !== true)
      bytes += (rawHeaders[i]?.length ?? 0) + (rawHeaders[i + 1]?.length ?? 0) + 4;
  return bytes > maxBytes;
}

interface Sockets {
  /** Those that have not said what they speak. */
  readonly undecided: ReadonlySet<Socket>;
  readonly connections: ReadonlySet<Socket>;
}

/** How long a connection that is there when the port closes may take to send its first bytes. */
const firstBytesMs = 500;

async function close(http1: Server, { undecided, connections }: Sockets, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => http1.close(() => resolve()));
  const patientUntil = Date.now() + firstBytesMs;
  const closeIdle = (): void => {
    http1.closeIdleConnections();
    // Of one that has only just come, the request may be on its way.
    if (Date.now() >= patientUntil) for (const socket of undecided) socket.destroy();
  };
  closeIdle();
  // A connection that was busy above becomes idle once its answer is out.
  const sweep = setInterval(closeIdle, 50);
  const cut = setTimeout(() => connections.forEach((socket) => socket.destroy()), graceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}
