import type { Socket } from 'node:net';
import { frameHeadBytes, writeFrameHead } from './frames.ts';

const slabBytes = 16 * 1024;
/** What is longer is not copied. */
const longestCopied = 4 * 1024;
/** What may be waiting for the end of a turn, beside requests. */
const fullBytes = 128 * 1024;

/**
 * Gathers what is to be sent and writes it once a turn of the event loop, so that requests made together share
 * one write. Frames are made in place, in memory that is not used twice.
 */
export class Batch {
  /** Where `reserve` makes room. */
  slab: Buffer = Buffer.alloc(0);
  readonly #socket: Socket;
  readonly #flushed: () => void;
  #from = 0;
  #to = 0;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #scheduled = false;
  #closed = false;

  /** `flushed` is called after each write. */
  constructor(socket: Socket, flushed: () => void) {
    this.#socket = socket;
    this.#flushed = flushed;
  }

  /** Enough for now: the rest of long bodies waits. */
  get full(): boolean {
    return this.#bytes >= fullBytes || this.#socket.writableNeedDrain;
  }

  /** Makes room in `slab` for what is next, and returns where. It is to be filled in at once. */
  reserve(bytes: number): number {
    if (this.slab.length - this.#to < bytes) {
      this.#cut();
      this.slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes));
      this.#from = this.#to = 0;
    }
    const at = this.#to;
    this.#to += bytes;
    this.#grown(bytes);
    return at;
  }

  /** A frame; a long payload may not change afterwards. */
  frame(type: number, flag: number, streamId: number, payload: Uint8Array): void {
    const copied = payload.length <= longestCopied;
    const at = this.reserve(frameHeadBytes + (copied ? payload.length : 0));
    writeFrameHead(this.slab, at, payload.length, type, flag, streamId);
    if (copied) this.slab.set(payload, at + frameHeadBytes);
    else {
      this.#cut();
      this.#parts.push(payload);
      this.#grown(payload.length);
    }
  }

  /** RST_STREAM and WINDOW_UPDATE. */
  numberFrame(type: number, streamId: number, value: number): void {
    const at = this.reserve(frameHeadBytes + 4);
    writeFrameHead(this.slab, at, 4, type, 0, streamId);
    this.slab.writeUInt32BE(value, at + frameHeadBytes);
  }

  /** Writes at once what is there. */
  flush(): void {
    this.#cut();
    const parts = this.#parts;
    const [first] = parts;
    if (first === undefined || this.#closed) return;
    this.#parts = [];
    this.#bytes = 0;
    if (parts.length === 1) this.#socket.write(first);
    else {
      this.#socket.cork();
      for (const part of parts) this.#socket.write(part);
      this.#socket.uncork();
    }
    this.#flushed();
  }

  /** Nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#parts = [];
  }

  /** For `flushLater` alone. */
  onTurn(): void {
    this.#scheduled = false;
    this.flush();
  }

  #cut(): void {
    if (this.#to > this.#from) this.#parts.push(this.slab.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  #grown(bytes: number): void {
    this.#bytes += bytes;
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(flushLater, this);
  }
}

function flushLater(batch: Batch): void {
  batch.onTurn();
}
