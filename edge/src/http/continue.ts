import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Tells a client that waits for it (`Expect: 100-continue`) to send its body. On a connection where requests
 * before this one are not answered yet that has its turn after their answers: node:http would otherwise keep
 * it back, and put it between the head and the body of the answer to this one.
 */
export function askForBody({ headers, httpVersion }: IncomingMessage, response: ServerResponse): void {
  // Clients of HTTP/1.0 know no interim answers (RFC 9110, 10.1.1).
  if (headers.expect === undefined || httpVersion === '1.0') return;
  if (response.socket !== null) response.writeContinue();
  else
    response.once('socket', () => {
      if (!response.headersSent) response.writeContinue();
    });
}
