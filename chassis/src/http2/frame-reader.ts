import { ConnectionFault, defaultFrameBytes, errorCodes, frameHeadBytes } from './frames.ts';

/** Takes one frame. The payload is a view of what came: it is kept by who copies it. */
export type TakeFrame = (type: number, flag: number, streamId: number, payload: Buffer) => void;

/**
 * Cuts what comes from a connection into frames (RFC 9113, section 4.1). Only a frame that came in pieces is
 * copied, and each of its bytes once, however small the pieces are.
 */
export class FrameReader {
  readonly #take: TakeFrame;
  readonly #head = Buffer.allocUnsafeSlow(frameHeadBytes);
  /** What there is of a frame that has not come whole: `#head` until its length is known. */
  #frame = this.#head;
  #held = 0;

  constructor(take: TakeFrame) {
    this.#take = take;
  }

  /** Throws a ConnectionFault for a frame that is too long, and whatever `take` throws. */
  push(chunk: Buffer): void {
    let pos = 0;
    while (this.#held > 0 && pos < chunk.length) pos = this.#goOn(chunk, pos);
    while (chunk.length - pos >= frameHeadBytes) {
      const end = pos + frameHeadBytes + payloadBytes(chunk, pos);
      if (end > chunk.length) break;
      this.#emit(chunk, pos, end);
      pos = end;
    }
    while (pos < chunk.length) pos = this.#goOn(chunk, pos);
  }

  /** Takes what the frame that is held still lacks, and returns where that ends. */
  #goOn(chunk: Buffer, pos: number): number {
    const end = Math.min(chunk.length, pos + this.#frame.length - this.#held);
    this.#held += chunk.copy(this.#frame, this.#held, pos, end);
    if (this.#held < this.#frame.length) return end;
    if (this.#frame === this.#head) {
      this.#frame = Buffer.allocUnsafe(frameHeadBytes + payloadBytes(this.#head, 0));
      this.#frame.set(this.#head);
      if (this.#held < this.#frame.length) return end;
    }
    const frame = this.#frame;
    this.#frame = this.#head;
    this.#held = 0;
    this.#emit(frame, 0, frame.length);
    return end;
  }

  #emit(bytes: Buffer, start: number, end: number): void {
    const streamId = bytes.readUInt32BE(start + 5) & 0x7fffffff;
    const payload = bytes.subarray(start + frameHeadBytes, end);
    this.#take(bytes[start + 3] ?? 0, bytes[start + 4] ?? 0, streamId, payload);
  }
}

function payloadBytes(bytes: Buffer, at: number): number {
  const length = bytes.readUIntBE(at, 3);
  if (length > defaultFrameBytes) throw new ConnectionFault(errorCodes.frameSizeError, 'a frame is too long');
  return length;
}
