import { ConnectionFault, defaultFrameBytes, errorCodes, frameHeadBytes } from './frames.ts';

/** Takes one frame. The payload is a view of what came: it is kept by who copies it. */
export type TakeFrame = (type: number, flag: number, streamId: number, payload: Buffer) => void;

/** Cuts what comes from a connection into frames (RFC 9113, section 4.1). */
export class FrameReader {
  readonly #take: TakeFrame;
  #rest: Buffer | undefined;

  constructor(take: TakeFrame) {
    this.#take = take;
  }

  /** Throws a ConnectionFault for a frame that is too long, and whatever `take` throws. */
  push(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let pos = 0;
    while (bytes.length - pos >= frameHeadBytes) {
      const length = bytes.readUIntBE(pos, 3);
      if (length > defaultFrameBytes)
        throw new ConnectionFault(errorCodes.frameSizeError, 'a frame is too long');
      const start = pos + frameHeadBytes;
      const end = start + length;
      if (end > bytes.length) break;
      const streamId = bytes.readUInt32BE(pos + 5) & 0x7fffffff;
      this.#take(bytes[pos + 3] ?? 0, bytes[pos + 4] ?? 0, streamId, bytes.subarray(start, end));
      pos = end;
    }
    if (pos < bytes.length) this.#rest = pos === 0 ? bytes : bytes.subarray(pos);
  }
}
