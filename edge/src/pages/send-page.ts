import type { Exchange } from '../http/exchange.ts';
import { finish } from '../http/finish.ts';
import { sendAnswer } from '../http/send.ts';
import type { Page } from './pages.ts';

/** Answers a GET or a HEAD with a page: 304 where the client has it already (If-None-Match, RFC 9110, 13.1.2). */
export async function sendPage(page: Page, exchange: Exchange, slowClientMs: number): Promise<void> {
  const { request, response } = exchange;
  const { status, body: data, etag, contentType } = page;
  const headers = { ...exchange.headers, ...page.headers, etag };
  if (status !== 200) {
    response.writeHead(status, headers);
    finish(response, undefined, slowClientMs);
  } else if (isKnown(request.headers['if-none-match'], etag)) {
    response.writeHead(304, { ...headers, vary: 'Accept-Encoding' });
    finish(response, undefined, slowClientMs);
  } else {
    await sendAnswer(exchange, { headers, contentType, data }, slowClientMs);
  }
}

/** Tags compared weakly, since compression weakens them. */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}
