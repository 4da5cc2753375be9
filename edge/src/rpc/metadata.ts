import type { Metadata } from '@grpc/grpc-js';
import { addMetadata, connectionOptions, isHopByHop } from '../http/metadata.ts';

/** Headers that browsers and HTTP itself set, and those that are for the edge. */
const notMetadata = new Set([
  'accept',
  'cache-control',
  'dnt',
  'expect',
  'forwarded',
  'from',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-event-id',
  'max-forwards',
  'origin',
  'pragma',
  'priority',
  'range',
  'referer',
  'upgrade-insecure-requests',
  'via',
  'x-grpc-web',
  'x-request-id',
  'x-server-timeout',
  'x-user-agent',
]);
const reserved = /^(:|grpc-|connect-|content-|accept-(?!language$)|access-control-|proxy-|sec-|http2-)/;

/**
 * The metadata of a call in Connect, gRPC-Web or gRPC: every header under its own name, but those of HTTP, of
 * the protocols and of the edge. A name in `-bin` holds base64, several values separated by commas.
 * `stripped`: names that the operator lets pass in neither direction.
 */
export function rpcMetadata(
  rawHeaders: readonly string[],
  requestId: string,
  stripped: ReadonlySet<string>,
): string[] {
  const metadata: string[] = [];
  const ofThisHop = connectionOptions(rawHeaders);
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (reserved.test(name) || notMetadata.has(name) || isHopByHop(name) || stripped.has(name)) continue;
    if (ofThisHop?.has(name) === true) continue;
    addMetadata(metadata, name, rawHeaders[i + 1] ?? '');
  }
  if (!stripped.has('x-request-id')) metadata.push('x-request-id', requestId);
  return metadata;
}

const ownAnswers = new Set(['x-request-id', 'x-content-type-options', 'traceparent', 'tracestate']);

/**
 * What an upstream's metadata becomes in an answer: headers, trailers or their like. Binary values are base64
 * without padding, as both protocols want them; what is gRPC's, the hop's, CORS's or the edge's own is left out.
 */
export function answerMetadata(
  metadata: Metadata | undefined,
  stripped: ReadonlySet<string>,
): Record<string, string[]> {
  const answer: Record<string, string[]> = {};
  if (metadata === undefined) return answer;
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    if (reserved.test(name) || ownAnswers.has(name) || isHopByHop(name) || stripped.has(name)) continue;
    const texts = values.map((value) => (Buffer.isBuffer(value) ? unpadded(value) : String(value)));
    answer[name] = texts.filter((text) => /^[\t\x20-\x7e]*$/.test(text));
  }
  return answer;
}

/** Base64 without padding. */
export function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64').replace(/=+$/, '');
}
