import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Page } from './pages.ts';

/**
 * Answers a GET or a HEAD with a page: 304 where the client has it already (If-None-Match, RFC 9110, 13.1.2).
 * `headers`: what every answer carries; the page's own win.
 */
export function sendPage(
  page: Page,
  request: IncomingMessage,
  response: ServerResponse,
  headers: OutgoingHttpHeaders = {},
): void {
  const { status, body, etag } = page;
  const all = { ...headers, ...page.headers, etag };
  if (status === 200 && isKnown(request.headers['if-none-match'], etag)) {
    response.writeHead(304, all).end();
    return;
  }
  response.writeHead(status, { ...all, 'content-type': page.contentType, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Tags compared weakly, since whoever compresses an answer on its way weakens its tag. */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}
