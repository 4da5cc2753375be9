import type { Batch } from './batch.ts';
import {
  ConnectionFault,
  defaultFrameBytes,
  defaultWindowBytes,
  errorCodes,
  flags,
  frameHeadBytes,
  frameTypes,
  largestWindowBytes,
  StreamFault,
  writeFrameHead,
} from './frames.ts';
import { headerBytes, writeHeaders } from './header-writer.ts';
import type { ClientStream } from './stream.ts';

/** More in one frame would only keep other streams waiting. */
const longestFrameBytes = 4 * defaultFrameBytes;
const none = Buffer.alloc(0);

/** A request's headers: those that were encoded before, the pseudo ones first, and names and values in turn. */
export interface RequestHead {
  readonly block: Buffer;
  readonly pairs: readonly string[];
}

/**
 * Requests on their way out, within the peer's windows (RFC 9113, section 5.2). Streams that have more to send
 * than goes out at once take turns, a frame each.
 */
export class Outgoing {
  readonly #batch: Batch;
  /** Streams that could send, if the connection let them. */
  readonly #turns = new Set<ClientStream>();
  /** Streams whose own window is shut. */
  readonly #stalled = new Set<ClientStream>();
  readonly #ended: (stream: ClientStream) => void;
  #frameBytes = defaultFrameBytes;
  #streamWindow = defaultWindowBytes;
  #window = defaultWindowBytes;

  /** `ended` is called when all of a request is on its way. */
  constructor(batch: Batch, ended: (stream: ClientStream) => void) {
    this.#batch = batch;
    this.#ended = ended;
  }

  /** Sends headers, and the body with them if the windows allow; else the body takes its turn. */
  request(stream: ClientStream, { block, pairs }: RequestHead, body: Uint8Array, end: boolean): void {
    const blockBytes = block.length + headerBytes(pairs);
    const most = Math.min(this.#frameBytes, this.#window, this.#windowOf(stream));
    if (blockBytes > this.#frameBytes || body.length > most || (body.length === 0 && end)) {
      this.#sendBlock(stream.id, block, pairs, blockBytes);
      stream.write(body, end);
      return;
    }
    const bodyFrameBytes = body.length === 0 ? 0 : frameHeadBytes + body.length;
    let at = this.#batch.reserve(frameHeadBytes + blockBytes + bodyFrameBytes);
    const { slab } = this.#batch;
    writeFrameHead(slab, at, blockBytes, frameTypes.headers, flags.endHeaders, stream.id);
    slab.set(block, at + frameHeadBytes);
    at = writeHeaders(slab, at + frameHeadBytes + block.length, pairs);
    if (bodyFrameBytes === 0) return;
    writeFrameHead(slab, at, body.length, frameTypes.data, end ? flags.endStream : 0, stream.id);
    slab.set(body, at + frameHeadBytes);
    stream.sendCredit -= body.length;
    this.#window -= body.length;
    stream.endQueued = end;
    stream.localEnded = end;
  }

  /** There is more in the stream's outbox, or its end. */
  enqueue(stream: ClientStream): void {
    if (stream.outbox.length > 0) {
      if (!this.#stalled.has(stream)) this.#turns.add(stream);
      this.pump();
    } else if (stream.endQueued && !stream.localEnded) {
      this.#batch.frame(frameTypes.data, flags.endStream, stream.id, none);
      this.#ended(stream);
    }
  }

  /** Sends what windows and socket allow. */
  pump(): void {
    for (const stream of this.#turns) {
      if (this.#window <= 0 || this.#batch.full) return;
      this.#turns.delete(stream);
      const most = Math.min(this.#frameBytes, this.#window, this.#windowOf(stream));
      if (most <= 0) this.#stalled.add(stream);
      else this.#sendPart(stream, most);
    }
  }

  forget(stream: ClientStream): void {
    this.#turns.delete(stream);
    this.#stalled.delete(stream);
  }

  /** Throws a ConnectionFault. What may go out now does so at the next `pump`. */
  onWindowUpdate(bytes: number): void {
    if (bytes === 0) throw new ConnectionFault(errorCodes.protocolError, 'a window grows by nothing');
    this.#window += bytes;
    if (this.#window > largestWindowBytes)
      throw new ConnectionFault(errorCodes.flowControlError, 'the window is too large');
  }

  /** Throws a StreamFault. */
  onStreamWindowUpdate(stream: ClientStream, bytes: number): void {
    if (bytes === 0) throw new StreamFault(errorCodes.protocolError, 'a window grows by nothing');
    stream.sendCredit += bytes;
    if (!this.inRange(stream)) throw new StreamFault(errorCodes.flowControlError, 'the window is too large');
    if (this.#windowOf(stream) > 0 && this.#stalled.delete(stream)) this.#turns.add(stream);
  }

  /** Whether the stream's window is no larger than one may be. */
  inRange(stream: ClientStream): boolean {
    return this.#windowOf(stream) <= largestWindowBytes;
  }

  set frameBytes(bytes: number) {
    this.#frameBytes = Math.min(bytes, longestFrameBytes);
  }

  /** Also of the streams that are open, which it may leave below zero (RFC 9113, 6.9.2). */
  set streamWindow(bytes: number) {
    const grows = bytes > this.#streamWindow;
    this.#streamWindow = bytes;
    if (!grows) return;
    // Those that may still not send are put back by `pump`.
    for (const stream of this.#stalled) this.#turns.add(stream);
    this.#stalled.clear();
  }

  #windowOf(stream: ClientStream): number {
    return this.#streamWindow + stream.sendCredit;
  }

  #sendPart(stream: ClientStream, most: number): void {
    const { outbox } = stream;
    const next = outbox[0] ?? none;
    const part = next.length > most ? next.subarray(0, most) : next;
    if (part === next) outbox.shift();
    else outbox[0] = next.subarray(most);
    stream.sendCredit -= part.length;
    this.#window -= part.length;
    const last = outbox.length === 0 && stream.endQueued;
    this.#batch.frame(frameTypes.data, last ? flags.endStream : 0, stream.id, part);
    if (outbox.length > 0) this.#turns.add(stream);
    else if (last) this.#ended(stream);
    else stream.drained();
  }

  #sendBlock(id: number, block: Buffer, pairs: readonly string[], bytes: number): void {
    const all = Buffer.allocUnsafe(bytes);
    all.set(block);
    writeHeaders(all, block.length, pairs);
    for (let at = 0; at < bytes; at += this.#frameBytes) {
      const part = all.subarray(at, at + this.#frameBytes);
      const type = at === 0 ? frameTypes.headers : frameTypes.continuation;
      const last = at + part.length === bytes;
      this.#batch.frame(type, last ? flags.endHeaders : 0, id, part);
    }
  }
}
