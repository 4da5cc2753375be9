import { errorCodes, StreamFault } from './frames.ts';
import { readHeaderBlock, type Headers } from './header-block.ts';

/** What happens to a stream, in the order in which its peer did it. What it throws resets the stream. */
export interface StreamListener {
  /** `ended`: nothing follows. */
  onHeaders(headers: Headers, ended: boolean): void;
  /** A view of what came: to be copied by who keeps it for long. */
  onData(bytes: Buffer): void;
  /** The peer has said all, with trailers or without. Not after `onHeaders` that was the end already. */
  onEnd(trailers: Headers | undefined): void;
  /** What was written has gone out, after a `write` that returned false. */
  onDrain(): void;
  /**
   * Once, last: both sides are through (noError), one of them reset it, the peer will not look at it
   * (refusedStream), or (undefined) the connection is gone. `cause`: what was found wrong by this side.
   */
  onClosed(code: number | undefined, cause: Error | undefined): void;
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
  closed = false;
  /** What the peer has granted beyond what every stream may send at first, less what was sent. */
  sendCredit = 0;
  /** How much may be received. */
  receiveWindow: number;
  readonly #carrier: StreamCarrier;
  #gotHeaders = false;
  #wantsDrain = false;
  #consumed = 0;

  constructor(id: number, listener: StreamListener, carrier: StreamCarrier) {
    this.id = id;
    this.listener = listener;
    this.#carrier = carrier;
    this.receiveWindow = carrier.streamWindowBytes;
  }

  /** Sends bytes, which may not change afterwards, and with `end` nothing after them. false: wait for onDrain. */
  write(bytes: Uint8Array, end: boolean): boolean {
    if (this.closed || this.endQueued) return true;
    if (bytes.length > 0) this.outbox.push(bytes);
    this.endQueued = end;
    this.#carrier.pump(this);
    this.#wantsDrain = this.outbox.length > 0;
    return !this.#wantsDrain;
  }

  /** The outbox is empty again. */
  drained(): void {
    if (!this.#wantsDrain) return;
    this.#wantsDrain = false;
    this.listener.onDrain();
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

  /** DATA came: `bytes` long with its padding. Throws a StreamFault where it may not. */
  onData(data: Buffer, bytes: number, ended: boolean): void {
    this.receiveWindow -= bytes;
    if (this.remoteEnded) throw new StreamFault(errorCodes.streamClosed, 'DATA came after the end');
    if (!this.#gotHeaders) throw new StreamFault(errorCodes.protocolError, 'DATA came before headers');
    if (this.receiveWindow < 0)
      throw new StreamFault(errorCodes.flowControlError, 'more came than the window holds');
    // Of padding nobody else knows.
    if (bytes > data.length) this.consume(bytes - data.length);
    if (data.length > 0) this.listener.onData(data);
    if (!ended || this.closed) return;
    this.remoteEnded = true;
    this.listener.onEnd(undefined);
  }

  /** A header block came. Throws a ConnectionFault, or a StreamFault where it may not be. */
  onBlock(block: Buffer, ended: boolean): void {
    const headers = readHeaderBlock(block);
    if (this.remoteEnded) throw new StreamFault(errorCodes.streamClosed, 'headers came after the end');
    const status = headers[':status'];
    if (this.#gotHeaders) {
      if (!ended || status !== undefined)
        throw new StreamFault(errorCodes.protocolError, 'the trailers are none');
      this.remoteEnded = true;
      this.listener.onEnd(headers);
      return;
    }
    if (typeof status !== 'string') throw new StreamFault(errorCodes.protocolError, 'there is no status');
    if (status.startsWith('1')) {
      // The answer itself is still to come, in HTTP/2 as well (RFC 9113, 8.6).
      if (ended || status === '101')
        throw new StreamFault(errorCodes.protocolError, `an answer cannot be ${status}`);
      return;
    }
    this.#gotHeaders = true;
    this.remoteEnded = ended;
    this.listener.onHeaders(headers, ended);
  }
}
