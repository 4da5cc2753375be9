import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Limits } from '../limits.ts';

const { constants, createServer } = process.getBuiltinModule('node:http2');
const mebibyte = 1024 * 1024;

export interface Http2Side {
  /** Serves a connection that speaks HTTP/2, from its first byte. */
  accept(socket: Socket): void;
  /** Tells clients to open their next streams elsewhere, and still takes those that come. */
  announceEnd(): void;
  /** Takes no new streams; each connection closes with its last one. */
  close(): void;
}

/**
 * The HTTP/2 side of the port: it never listens itself. Streams, header sizes and memory are limited for
 * each connection; floods of pings, settings, invalid frames and resets (CVE-2023-44487) end it.
 */
export function createHttp2(
  serve: (request: IncomingMessage, response: ServerResponse) => void,
  limits: Limits,
): Http2Side {
  const server = createServer({
    settings: {
      maxConcurrentStreams: limits.streamsPerConnection,
      // Beyond this the stream is reset; above `headerBytes` it still gets an answer that says so.
      maxHeaderListSize: limits.headerBytes * 4,
      enableConnectProtocol: false,
    },
    maxHeaderListPairs: 500,
    // Node counts megabytes, of all streams of a connection: one message each that waits for its reader.
    maxSessionMemory: Math.max(64, Math.ceil((limits.responseBytes * 2) / mebibyte)),
    maxOutstandingPings: 10,
    maxSettings: 32,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    streamResetBurst: 1_000,
    streamResetRate: 50,
  });
  const sessions = new Set<ServerHttp2Session>();
  let closing = false;
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    closeWhenIdle(session, limits.keepAliveMs);
    if (closing) session.close();
  });
  listen(server, serve);
  return {
    accept(socket) {
      // As node:http does: who ends their side waits for nothing. node:http2 would keep it open.
      socket.once('end', () => socket.destroy());
      server.once('session', (session: ServerHttp2Session) =>
        cutWhenStuck(session, socket, limits.slowClientMs),
      );
      server.emit('connection', socket);
    },
    announceEnd() {
      // RFC 9113, 6.8: first the highest possible id, so that streams on their way here are not lost.
      for (const session of sessions)
        if (!session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1);
    },
    close() {
      closing = true;
      for (const session of sessions) session.close();
    },
  };
}

/** The compatibility API: its requests and responses have the shape of node:http's. */
function listen(
  server: Http2Server,
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  const listener = serve as unknown as Parameters<Http2Server['on']>[1];
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, listener);
}

/** A connection without streams for so long is closed, whatever else it sends. */
function closeWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let open = 0;
  const begin = () => setTimeout(() => session.close(), idleMs).unref();
  let timer = begin();
  session.on('stream', (stream) => {
    open += 1;
    clearTimeout(timer);
    stream.once('close', () => {
      open -= 1;
      if (open === 0 && !session.closed) timer = begin();
    });
  });
  session.once('close', () => clearTimeout(timer));
}

/**
 * Cuts a connection that has frames to send of which nothing went out for so long: its client does not read,
 * or node:http2 has come to a stop (a frame that is wrong behind a GOAWAY does it, and then neither the end of
 * the connection nor a timeout of its streams is noticed).
 */
function cutWhenStuck(session: ServerHttp2Session, socket: Socket, stuckMs: number): void {
  let written = -1;
  const timer = setInterval(() => {
    const waiting = (session.state.outboundQueueSize ?? 0) > 0;
    if (waiting && socket.bytesWritten === written) session.destroy();
    written = socket.bytesWritten;
  }, stuckMs).unref();
  session.once('close', () => clearInterval(timer));
}
