import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { preferences } from './accept.ts';

/** Below this, gzip saves less than it costs. */
export const leastBytes = 1024;
const gzipAsync = promisify(gzip);

/** How an `Accept-Encoding` likes gzip: `always`: what is not compressed it refuses (RFC 9110, 12.5.3). */
export type Liking = 'no' | 'yes' | 'always';

/**
 * Whether to compress an answer: where the client likes gzip no less than no coding at all. Where it takes
 * neither, it gets what is not compressed: no answer at all would help nobody.
 */
export function wantsGzip(acceptEncoding: string | undefined): Liking {
  if (acceptEncoding === undefined || acceptEncoding === '') return 'no';
  const wanted = preferences(acceptEncoding);
  const quality = (...names: string[]) => wanted.find(({ name }) => names.includes(name))?.quality;
  const gzipped = quality('gzip', 'x-gzip') ?? quality('*') ?? 0;
  const plain = quality('identity') ?? (quality('*') === 0 ? 0 : undefined);
  if (gzipped === 0 || gzipped < (plain ?? 0)) return 'no';
  return plain === 0 ? 'always' : 'yes';
}

/** Whether an answer may gain by compression: it is text, and may be changed on its way. */
export function isCompressible(contentType: string, cacheControl: string): boolean {
  if (/\bno-transform\b/i.test(cacheControl)) return false;
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return (
    type.startsWith('text/') ||
    /[/+](json|xml|yaml)$/.test(type) ||
    /^(application\/(javascript|x-ndjson|wasm)|image\/svg\+xml|font\/ttf)$/.test(type)
  );
}

/**
 * Compresses an answer, on a thread of the pool.
 *
 * An answer that holds both a secret and text of an attacker's choice tells of the secret by its length
 * (BREACH). That needs a browser which sends the user's requests for another site: cookies never go upstream
 * and tokens are not sent by themselves, so no other site can make them.
 */
export function compress(data: string | Uint8Array): Promise<Buffer> {
  return gzipAsync(data);
}
