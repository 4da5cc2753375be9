import { errorCodes } from './frames.ts';
import type { Headers } from './header-block.ts';

/** What happens to a stream, in the order in which its peer did it. */
export interface StreamListener {
  /** `ended`: nothing follows. */
  onHeaders(headers: Headers, ended: boolean): void;
  /** A view of what came: to be copied by who keeps it for long. */
  onData(bytes: Buffer): void;
  /** The peer has said all, with trailers or without. Not after `onHeaders` that was the end already. */
  onEnd(trailers: Headers | undefined): void;
  /** What was written has gone out, after a `write` that returned false. */
  onDrain(): void;
  /** Once, last: both sides are through (noError), one of them reset it, or (undefined) the connection is gone. */
  onClosed(code: number | undefined): void;
}

/** What a stream needs of its session. */
export interface StreamCarrier {
  readonly streamWindowBytes: number;
  /** Sends as much of the stream's outbox as the windows allow. */
  pump(stream: ClientStream): void;
  grant(stream: ClientStream, bytes: number): void;
  reset(stream: ClientStream, code: number): void;
}

/** One stream that this side opened: a request and its answer. */
export class ClientStream {
  readonly id: number;
  readonly listener: StreamListener;
  readonly outbox: Uint8Array[] = [];
  /** After the outbox this side has said all. */
  endQueued = false;
  localEnded = false;
  remoteEnded = false;
  gotHeaders = false;
  closed = false;
  wantsDrain = false;
  /** How much may be sent, and be received. */
  sendWindow: number;
  receiveWindow: number;
  readonly #carrier: StreamCarrier;
  #consumed = 0;

  constructor(id: number, listener: StreamListener, carrier: StreamCarrier, sendWindow: number) {
    this.id = id;
    this.listener = listener;
    this.#carrier = carrier;
    this.sendWindow = sendWindow;
    this.receiveWindow = carrier.streamWindowBytes;
  }

  /** Sends bytes, and with `end` nothing after them. false: wait for onDrain before the next. */
  write(bytes: Uint8Array, end: boolean): boolean {
    if (this.closed || this.endQueued) return true;
    if (bytes.length > 0) this.outbox.push(bytes);
    this.endQueued = end;
    this.#carrier.pump(this);
    this.wantsDrain = this.outbox.length > 0;
    return !this.wantsDrain;
  }

  /** Lets the peer send as many bytes more. Told to it in large pieces. */
  consume(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed < this.#carrier.streamWindowBytes / 2 || this.remoteEnded || this.closed) return;
    this.#carrier.grant(this, this.#consumed);
    this.#consumed = 0;
  }

  /** Ends it for both sides at once. */
  reset(code: number = errorCodes.cancel): void {
    if (!this.closed) this.#carrier.reset(this, code);
  }
}
