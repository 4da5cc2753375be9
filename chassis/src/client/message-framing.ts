import { gunzipSync, gzipSync } from 'node:zlib';
import { ServiceError } from '../errors.ts';

/** The longest message that is sent or taken, in bytes, as encoded and as decompressed. */
export const maxMessageBytes = 4 * 1024 * 1024;

/** The quickest: half the time of zlib's own choice for a tenth more bytes. */
export const gzipLevel = 1;

const prefixBytes = 5;
/** Of the memory that small pieces are gathered in. */
const mostGatheredBytes = 16 * 1024;
const leastGatheredBytes = 256;

/**
 * A message with its prefix, a flag and its length (gRPC over HTTP2, Length-Prefixed-Message); compressed where it
 * is longer than `compressAboveBytes` and gets shorter by it. RESOURCE_EXHAUSTED where it is over the limit.
 */
export function frameMessage(message: Uint8Array, compressAboveBytes = Infinity): Buffer {
  checkLength(message);
  if (message.length <= compressAboveBytes) return framed(0, message);
  const compressed = gzipSync(message, { level: gzipLevel });
  return compressed.length < message.length ? framed(1, compressed) : framed(0, message);
}

/** RESOURCE_EXHAUSTED where a message is over the limit. */
export function checkLength({ length }: Uint8Array): void {
  if (length > maxMessageBytes) throw tooLong(length);
}

function framed(flag: 0 | 1, message: Uint8Array): Buffer {
  const { length } = message;
  const frame = Buffer.allocUnsafe(prefixBytes + length);
  frame[0] = flag;
  frame.writeUInt32BE(length, 1);
  frame.set(message, prefixBytes);
  return frame;
}

/**
 * Takes the bytes of a stream as they come, and gives messages as they are asked for. A message that came in one
 * piece is not copied. Failures are ServiceErrors: RESOURCE_EXHAUSTED over the limit, else INTERNAL.
 */
export class MessageReader {
  /** `grpc-encoding` of the answer. */
  encoding: string | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** What `#chunks` ends with lies in it, up to `#gathered`. */
  #gathering: Buffer | undefined;
  #gathered = 0;

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The memory that this takes, with what lies beside those bytes. */
  get heldBytes(): number {
    let held = 0;
    for (const memory of new Set(this.#chunks.map(({ buffer }) => buffer))) held += memory.byteLength;
    return held;
  }

  clear(): void {
    this.#chunks = [];
    this.#bytes = 0;
    this.#gathering = undefined;
  }

  /**
   * What was pushed last will stay for a while. Where it is a small part of the memory that it lies in, it is
   * copied, so that what is held does not hold much more; many small pieces become few.
   */
  keep(): void {
    const last = this.#chunks.at(-1);
    let memory = this.#gathering;
    if (last === undefined || last.buffer === memory?.buffer || last.length * 4 >= last.buffer.byteLength)
      return;
    this.#chunks.pop();
    if (memory === undefined || memory.length - this.#gathered < last.length) {
      const double = Math.min(2 * (memory?.length ?? leastGatheredBytes / 2), mostGatheredBytes);
      this.#gathering = memory = Buffer.allocUnsafeSlow(Math.max(double, last.length));
      this.#gathered = 0;
    }
    last.copy(memory, this.#gathered);
    const before = this.#chunks.at(-1);
    const start = before?.buffer === memory.buffer ? before.byteOffset : this.#gathered;
    if (start !== this.#gathered) this.#chunks.pop();
    this.#gathered += last.length;
    this.#chunks.push(memory.subarray(start, this.#gathered));
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The next message, undefined until all of it is there. */
  next(): Buffer | undefined {
    if (this.#bytes < prefixBytes) return undefined;
    const prefix = this.#joined(prefixBytes);
    const length = prefix.readUInt32BE(1);
    if (length > maxMessageBytes) throw tooLong(length);
    if (this.#bytes < prefixBytes + length) return undefined;
    const frame = this.#joined(prefixBytes + length);
    this.#drop(frame, prefixBytes + length);
    const message = frame.subarray(prefixBytes, prefixBytes + length);
    return frame[0] === 0 ? message : decompress(frame[0], message, this.encoding);
  }

  /** The first chunk, made at least so long. */
  #joined(bytes: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= bytes) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #drop(first: Buffer, bytes: number): void {
    this.#bytes -= bytes;
    if (first.length === bytes) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(bytes);
  }
}

function decompress(flag: number | undefined, message: Buffer, encoding: string | undefined): Buffer {
  if (flag !== 1) throw malformed(`a message has the flag ${flag}`);
  if (encoding === undefined || encoding === 'identity')
    throw malformed('a message is compressed, and no grpc-encoding was named');
  if (encoding !== 'gzip') throw malformed('a message is compressed in a way that was not accepted');
  try {
    return gunzipSync(message, { maxOutputLength: maxMessageBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLong();
    throw malformed('a compressed message cannot be read', error);
  }
}

function tooLong(length?: number): ServiceError {
  const size = length === undefined ? 'longer' : `${length} bytes long, longer`;
  const message = `a message is ${size} than ${maxMessageBytes} bytes`;
  return new ServiceError('RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED', message);
}

function malformed(message: string, cause?: unknown): ServiceError {
  return new ServiceError('INTERNAL', 'MALFORMED_ANSWER', message, { cause });
}
