import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Limits } from '../limits.ts';
import { askForBody } from './continue.ts';
import { HttpFault } from './faults.ts';

const none = Buffer.alloc(0);

/** The client went away before its request was complete: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

export type BodyLimits = Pick<Limits, 'requestBytes' | 'decompressedBytes'>;

/**
 * Reads a request's body, decompressed. Throws a 413 above a limit, as soon as that is known and before more
 * is decompressed; a 415 for a coding other than gzip; a 400 for what is no gzip; ClientGone when the client
 * leaves.
 */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
): Promise<Buffer> {
  if (!hasBody(request)) return none;
  const compressed = isGzip(request);
  const { requestBytes, decompressedBytes } = limits;
  if (Number(request.headers['content-length'] ?? 0) > requestBytes) throw tooLarge(requestBytes);
  askForBody(request, response);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const source = compressed ? request.pipe(createGunzip()) : request;
  const chunks: Buffer[] = [];
  let received = 0;
  let length = 0;
  const fail = (error: Error): void => {
    release(request, source);
    reject(error);
  };
  if (compressed)
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received > requestBytes) fail(tooLarge(requestBytes));
    });
  const maxBytes = compressed ? decompressedBytes : requestBytes;
  source.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxBytes) fail(tooLarge(maxBytes, compressed));
    else chunks.push(chunk);
  });
  source.once('end', () => {
    if (isBrokenOff(request)) reject(new ClientGone());
    else resolve(chunks.length === 1 ? (chunks[0] ?? none) : Buffer.concat(chunks, length));
  });
  if (compressed) source.once('error', (error) => fail(notGzip(error)));
  request.once('error', () => reject(new ClientGone()));
  request.once('close', () => {
    if (!request.readableEnded) reject(new ClientGone());
  });
  return promise;
}

/** Whether a request has a body: its headers say so, over HTTP/2 their frame. */
export function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  if (headers['content-length'] === '0') return false;
  const { stream } = request as unknown as Partial<Http2ServerRequest>;
  if (stream !== undefined) return !stream.endAfterHeaders;
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** Whether a request that has ended was broken off: over HTTP/2 node:http2 ends it like a whole one. */
export function isBrokenOff(request: IncomingMessage): boolean {
  const { stream } = request as unknown as Partial<Http2ServerRequest>;
  return stream !== undefined && (stream.closed || stream.destroyed);
}

/** Whether a body is compressed. Throws a 415 that names what would do (RFC 9110, 15.5.16). */
export function isGzip({ headers }: IncomingMessage): boolean {
  const coding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  // RFC 9110, 8.4.1.3: x-gzip is the same.
  if (coding === 'gzip' || coding === 'x-gzip') return true;
  if (coding === 'identity' || coding === '') return false;
  throw new HttpFault(
    415,
    'INVALID_ARGUMENT',
    'UNSUPPORTED_ENCODING',
    'the body may be encoded as gzip alone',
    { 'accept-encoding': 'gzip, identity' },
  );
}

/** What is still coming is thrown away, so that the answer can be read. */
export function release(request: IncomingMessage, source: Readable): void {
  source.removeAllListeners('data');
  request.removeAllListeners('data');
  if (source !== request) {
    request.unpipe();
    source.destroy();
  }
  request.resume();
}

export function notGzip(cause: Error): HttpFault {
  const message = 'the body is not valid gzip';
  return Object.assign(new HttpFault(400, 'INVALID_ARGUMENT', 'MALFORMED_BODY', message), { cause });
}

function tooLarge(maxBytes: number, decompressed = false): HttpFault {
  const message = `the body is larger than ${maxBytes} bytes${decompressed ? ' when decompressed' : ''}`;
  // The connection stays, and what still comes is thrown away for a while (server.ts): closed at once it would
  // be reset, and the answer lost with it.
  return new HttpFault(413, 'INVALID_ARGUMENT', 'BODY_TOO_LARGE', message);
}

/** The media types of one message a line. */
const lines = new Set(['application/x-ndjson', 'application/ndjson', 'application/jsonl']);

/**
 * What a JSON body is: one value, or one a line, which only streams may be. It must say so, or nothing: a form
 * post is refused, which also keeps cross-site forms out. Throws a 415.
 */
export function jsonForm(contentType: string | undefined, streams: boolean): 'json' | 'lines' {
  if (contentType === undefined || contentType === '') return 'json';
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase());
  const json = type === 'application/json' || /^application\/[\w.+-]+\+json$/.test(type);
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice(8) ?? 'utf-8';
  if (/^"?(utf-?8|us-ascii)"?$/.test(charset)) {
    if (json) return 'json';
    if (streams && lines.has(type)) return 'lines';
  }
  const accept = streams ? 'application/json, application/x-ndjson' : 'application/json';
  throw new HttpFault(
    415,
    'INVALID_ARGUMENT',
    'UNSUPPORTED_MEDIA_TYPE',
    `the body must be ${streams ? 'application/json or application/x-ndjson' : 'application/json'}, in UTF-8`,
    { accept },
  );
}
