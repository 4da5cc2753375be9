import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';

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
