import type { ServerResponse } from 'node:http';
import { cutAnswer } from './cut.ts';

/** Ends an answer; a client that leaves it unread for `slowClientMs` loses its connection. */
export function finish(
  response: ServerResponse,
  body: string | Uint8Array | undefined,
  slowClientMs: number,
  encoding: 'utf8' | 'latin1' = 'utf8',
): void {
  response.end(body, encoding);
  // Behind answers of earlier requests on its connection it has no socket yet, and its time begins later.
  if (response.socket === null)
    response.once('socket', () => setImmediate(limitUnread, response, slowClientMs));
  else limitUnread(response, slowClientMs);
}

function limitUnread(response: ServerResponse, slowClientMs: number): void {
  // Nothing waits in the usual case: the kernel has taken it all. node:http sets its own timeout for
  // the idle connection once the answer is out.
  if (unsentBytes(response) > 0) response.setTimeout(slowClientMs, () => cutAnswer(response));
}

/** Over HTTP/2 what waits on the socket may be of any stream. */
function unsentBytes(response: ServerResponse): number {
  return 'stream' in response ? response.writableLength : (response.socket?.writableLength ?? 0);
}
