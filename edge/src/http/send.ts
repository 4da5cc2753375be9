import { compress, isCompressible, leastBytes, wantsGzip } from './compression.ts';
import type { Exchange } from './exchange.ts';
import { finish } from './finish.ts';
import { takesTrailers } from './metadata.ts';
import { addVary, type Headers } from './vary.ts';

/** A whole answer. */
export interface Answer {
  /** Those of every answer to this request among them. */
  readonly headers: Headers;
  readonly contentType: string;
  readonly data: string | Uint8Array;
  /** Asked for where the client takes them; none by default. */
  readonly trailers?: () => Readonly<Record<string, string[]>>;
}

/**
 * Sends a 200: compressed where the client wants that, with trailers where it takes them. A HEAD is answered
 * with the headers of its GET.
 */
export async function sendAnswer(exchange: Exchange, answer: Answer, slowClientMs: number): Promise<void> {
  const { request, response, bodiless } = exchange;
  const { headers, contentType } = answer;
  let { data } = answer;
  headers['content-type'] = contentType;
  const wanted = request.headers['accept-encoding'] as string | undefined;
  let bytes = Buffer.byteLength(data);
  const large = bytes >= leastBytes;
  // Nothing is worked out for the many small answers, but where their client may refuse them as they are.
  const liking = large || wanted?.includes('q=0') === true ? wantsGzip(wanted) : 'no';
  if ((large || liking === 'always') && isCompressible(contentType, String(headers['cache-control'] ?? ''))) {
    addVary(headers, 'Accept-Encoding');
    if (liking !== 'no') {
      data = await compress(data);
      bytes = data.length;
      headers['content-encoding'] = 'gzip';
      weaken(headers);
    }
  }
  const trailers = (mayHaveTrailers(exchange) && answer.trailers?.()) || {};
  const names = Object.keys(trailers);
  // Over HTTP/1.1 only a chunked body has trailers (RFC 9112, 7.1.2).
  if (names.length > 0) headers['trailer'] = names.join(', ');
  else headers['content-length'] = String(bytes);
  response.writeHead(200, headers);
  if (names.length > 0) response.addTrailers(trailers as unknown as Record<string, string>);
  // Text of ASCII alone is latin1 too, which is written faster.
  const encoding = bytes === data.length ? 'latin1' : 'utf8';
  finish(response, bodiless ? undefined : data, slowClientMs, encoding);
}

/** Whether the answer to a request may end with trailers (RFC 9110, 6.5.1). */
export function mayHaveTrailers({ request, bodiless }: Exchange): boolean {
  return !bodiless && request.httpVersion !== '1.0' && takesTrailers(request.headers['te']);
}

/** A strong validator says that the bytes are the same, and compressed they are not (RFC 9110, 8.8.3.3). */
function weaken(headers: Headers): void {
  const { etag } = headers;
  const text = etag === undefined ? '' : String(etag);
  if (text.startsWith('"')) headers['etag'] = `W/${text}`;
}
