import { promisify } from 'node:util';
import { constants, gunzip as gunzipCallback, gzip as gzipCallback } from 'node:zlib';
import { ServiceError } from '@weft/chassis/errors';

const gunzipAsync = promisify(gunzipCallback);
const gzipAsync = promisify<Uint8Array, object, Buffer>(gzipCallback);

/** Smaller messages gain nothing. */
const gzipFromBytes = 1024;

/** The content codings that are spoken, as a client is told of them. */
const encodings = 'gzip, identity';

/** Whether messages come compressed. Throws UNIMPLEMENTED for a coding that is not spoken, and names those that are. */
export function isGzip(encoding: string | undefined): boolean {
  const name = encoding?.trim().toLowerCase();
  if (name === undefined || name === '' || name === 'identity') return false;
  if (name === 'gzip') return true;
  throw new ServiceError(
    'UNIMPLEMENTED',
    'UNSUPPORTED_ENCODING',
    `unknown compression "${name.slice(0, 40)}": supported encodings are ${encodings}`,
  );
}

/**
 * Whether a client takes gzip: a list in its order of preference, of which parameters but `q=0` are ignored.
 * One that sends no list takes what it sends itself (Connect's protocol, "Accept-Encoding").
 */
export function acceptsGzip(list: string | undefined, sendsGzip: boolean): boolean {
  if (list === undefined) return sendsGzip;
  return list.split(',').some((item) => {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    return name === 'gzip' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

/** Decompresses a message. Throws RESOURCE_EXHAUSTED as soon as it is longer than `maxBytes`. */
export async function gunzip(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  // "must not attempt to decompress zero-length": an empty message stays one.
  if (bytes.length === 0) return bytes;
  try {
    return await gunzipAsync(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw messageTooLarge(maxBytes);
    throw new ServiceError('INVALID_ARGUMENT', 'MALFORMED_MESSAGE', 'the message is not valid gzip');
  }
}

/** The message compressed, or undefined where it is too small for that, or gets no smaller. */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  if (bytes.length < gzipFromBytes) return undefined;
  const compressed = await gzipAsync(bytes, { level: constants.Z_BEST_SPEED });
  return compressed.length < bytes.length ? compressed : undefined;
}

export function messageTooLarge(maxBytes: number): ServiceError {
  return new ServiceError(
    'RESOURCE_EXHAUSTED',
    'MESSAGE_TOO_LARGE',
    `the message is larger than ${maxBytes} bytes`,
  );
}
