import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2';

/** INTERNAL_ERROR (RFC 9113, 7): the client knows that the answer is not whole. */
const http2InternalError = 2;

/** Whether an answer that is closed was not whole. node:http2 calls one finished that its client has reset. */
export function wasCut(response: ServerResponse): boolean {
  const { stream } = response as ServerResponse & Partial<Http2ServerResponse>;
  return !response.writableFinished || (stream !== undefined && stream.rstCode !== 0);
}

/** Breaks an answer off, so that no client takes it for whole: its connection, or over HTTP/2 its stream alone. */
export function cutAnswer(response: ServerResponse): void {
  const { stream } = response as ServerResponse & Partial<Http2ServerResponse>;
  // Node would tell an answer that is destroyed without a reason from one that is complete by nothing.
  if (stream === undefined) response.destroy();
  else stream.close(http2InternalError);
}

/** The same once all that was written has been sent. */
export function cutAnswerSoon(response: ServerResponse): void {
  const { stream } = response as ServerResponse & Partial<Http2ServerResponse>;
  if (stream === undefined) response.write('', () => response.socket?.destroySoon());
  else response.write('', () => setImmediate(() => stream.close(http2InternalError)));
}

/**
 * Ends with NO_ERROR what is left of a request that is answered before it has arrived (gRPC over HTTP/2, "Early
 * Server Closure"). Not before the answer's trailers are on their way, and every answer of node:http2's
 * compatibility API waits for some, but one that ends with its headers.
 */
export function letGoAfter({ stream }: Http2ServerResponse): void {
  stream.once('wantTrailers', () => letGo(stream));
}

/** How long a request that is answered may take to end by itself, milliseconds. */
const patienceMs = 100;

/**
 * The same for an answer that ends with its headers. Most requests end by themselves at that moment, and some
 * clients (curl 7) lose an answer that a RST_STREAM is close behind: so a request has a while to do so, what still
 * comes of it being thrown away.
 */
export function letGo(stream: ServerHttp2Stream): void {
  if (stream.endAfterHeaders || stream.readableEnded) return;
  stream.resume();
  const timer = setTimeout(() => stream.readableEnded || stream.close(0), patienceMs).unref();
  stream.once('close', () => clearTimeout(timer));
}
