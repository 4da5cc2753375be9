import type { ServerResponse } from 'node:http';

/** Ends an answer; a client that leaves it unread for `slowClientMs` loses its connection. */
export function finish(
  response: ServerResponse,
  body: string | Uint8Array | undefined,
  slowClientMs: number,
): void {
  response.end(body);
  // Nothing waits in the usual case: the kernel has taken it all. node:http sets its own timeout for
  // the idle connection once the answer is out.
  if ((response.socket?.writableLength ?? 0) > 0) response.setTimeout(slowClientMs, () => response.destroy());
}
