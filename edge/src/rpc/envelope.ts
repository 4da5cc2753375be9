import { ServiceError } from '@weft/chassis/errors';
import { messageTooLarge } from './compression.ts';

const headBytes = 5;

/** A message with its head: one byte of flags, four of length. */
export interface Envelope {
  readonly flags: number;
  readonly data: Uint8Array;
}

/** Sets a message into its frame. */
export function envelope(flags: number, data: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + data.length);
  frame[0] = flags;
  frame.writeUInt32BE(data.length, 1);
  frame.set(data, headBytes);
  return frame;
}

/**
 * Cuts a body into its frames, however it arrives; at most one frame is held. Throws RESOURCE_EXHAUSTED at
 * the head of a frame that is longer than `maxBytes`, before any of it is read, and INVALID_ARGUMENT for a
 * body that ends inside a frame.
 */
export async function* readEnvelopes(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Envelope, undefined> {
  const pending = new Pending();
  let head: { readonly flags: number; readonly length: number } | undefined;
  for await (const chunk of chunks) {
    pending.push(chunk);
    for (;;) {
      if (head === undefined) {
        if (pending.length < headBytes) break;
        const bytes = pending.take(headBytes);
        head = { flags: bytes[0] ?? 0, length: bytes.readUInt32BE(1) };
        if (head.length > maxBytes) throw messageTooLarge(maxBytes);
      }
      if (pending.length < head.length) break;
      const { flags, length } = head;
      head = undefined;
      yield { flags, data: pending.take(length) };
    }
  }
  if (head !== undefined || pending.length > 0)
    throw new ServiceError('INVALID_ARGUMENT', 'MALFORMED_BODY', 'the body ends inside a message');
}

/** Bytes that have arrived and are not yet used. */
class Pending {
  #chunks: Buffer[] = [];
  length = 0;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.length += chunk.length;
  }

  take(count: number): Buffer {
    let [bytes = Buffer.alloc(0)] = this.#chunks;
    if (bytes.length < count) {
      bytes = Buffer.concat(this.#chunks, this.length);
      this.#chunks = [bytes];
    }
    const rest = bytes.subarray(count);
    if (rest.length === 0) this.#chunks.shift();
    else this.#chunks[0] = rest;
    this.length -= count;
    return bytes.subarray(0, count);
  }
}
