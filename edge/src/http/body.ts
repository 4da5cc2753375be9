import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpFault } from './faults.ts';

const none = Buffer.alloc(0);

/** The client went away before its request was complete: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/**
 * Reads a request's body. Throws a 413 above `maxBytes`, as soon as that is known; a 415 for an
 * encoded one; ClientGone when the client leaves.
 */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
): Promise<Buffer> {
  const { headers } = request;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return none;
  if (headers['content-length'] === '0') return none;
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity')
    throw new HttpFault(415, 'INVALID_ARGUMENT', 'UNSUPPORTED_ENCODING', 'the body must not be encoded', {
      'accept-encoding': 'identity',
    });
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (headers.expect !== undefined) response.writeContinue();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const fail = (error: Error): void => {
      request.removeAllListeners('data');
      // What is still coming is thrown away, and the connection closed after the answer.
      request.resume();
      reject(error);
    };
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) fail(tooLarge(maxBytes));
      else chunks.push(chunk);
    });
    request.once('end', () =>
      resolve(chunks.length === 1 ? (chunks[0] ?? none) : Buffer.concat(chunks, length)),
    );
    request.once('error', () => reject(new ClientGone()));
    request.once('close', () => reject(new ClientGone()));
  });
}

function tooLarge(maxBytes: number): HttpFault {
  const message = `the body is larger than ${maxBytes} bytes`;
  return new HttpFault(413, 'INVALID_ARGUMENT', 'BODY_TOO_LARGE', message, { connection: 'close' });
}

/** A JSON body must say so, or nothing: a form post is refused, which also keeps cross-site forms out. */
export function checkJson(contentType: string | undefined): void {
  if (contentType === undefined || contentType === '') return;
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase());
  const json = type === 'application/json' || /^application\/[\w.+-]+\+json$/.test(type);
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice(8) ?? 'utf-8';
  if (json && /^"?utf-?8"?$/.test(charset)) return;
  throw new HttpFault(
    415,
    'INVALID_ARGUMENT',
    'UNSUPPORTED_MEDIA_TYPE',
    'the body must be application/json, in UTF-8',
    { accept: 'application/json' },
  );
}
