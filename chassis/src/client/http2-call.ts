import type { ServiceError } from '../errors.ts';
import { errorCodes, StreamFault } from '../http2/frames.ts';
import type { Headers } from '../http2/header-block.ts';
import type { ClientSession } from '../http2/session.ts';
import type { ClientStream, StreamListener } from '../http2/stream.ts';
import type { AttemptBase } from './connection.ts';
import { requestHeaders } from './http2-headers.ts';
import { broken, cancelled, expired, lost, neverSent, notGrpc, refused, resetError } from './http2-status.ts';
import { MessageReader } from './message-framing.ts';

/** setTimeout takes no longer one. */
const longestTimerMs = 2 ** 31 - 1;

/** What a call needs of the session that carries it. */
export interface Carrier {
  readonly session: ClientSession;
  /** What a request to this path begins with, encoded. */
  headersOf(path: string): Buffer;
  /** From which size on the instance is sent compressed messages. */
  readonly compressAboveBytes: number;
  /** What an answer begins with: it tells what the instance accepts. */
  answered(headers: Headers): void;
  /** Streams above it were not looked at, once the instance said GOAWAY. */
  readonly lastStreamId: number;
  /** A stream has ended, for both sides. */
  released(): void;
}

/**
 * One attempt as an HTTP/2 stream, from the moment it waits for one: its deadline, its signals, and its one
 * outcome. Subclasses say what becomes of messages.
 */
export abstract class Http2Call implements StreamListener {
  /** Set while it waits for a stream: called when it is over before it got one. */
  onLeave: ((call: Http2Call) => void) | undefined;
  protected readonly reader = new MessageReader();
  protected stream: ClientStream | undefined;
  protected headers: Headers | undefined;
  protected trailers: Headers | undefined;
  readonly #attempt: AttemptBase;
  #carrier: Carrier | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settled = false;

  constructor(attempt: AttemptBase) {
    this.#attempt = attempt;
    const { deadlineMs, signals } = attempt;
    const leftMs = deadlineMs - Date.now();
    if (leftMs < longestTimerMs) this.#timer = setTimeout(expire, leftMs, this);
    for (const signal of signals) signal.addEventListener('abort', this);
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Begins the stream, with the first bytes of the request: all of them where `end`. */
  protected begin(carrier: Carrier, body: Uint8Array, end: boolean, compresses: boolean): void {
    this.#carrier = carrier;
    const head = {
      block: carrier.headersOf(this.#attempt.path),
      pairs: requestHeaders(this.#attempt, compresses),
    };
    this.stream = carrier.session.request(head, body, end, this);
  }

  /** Whether nobody waits for it any more, before it has begun. */
  get cancelled(): boolean {
    return this.#attempt.signals.some((signal) => signal.aborted);
  }

  /** Ends the call with an error; the instance is told that nobody waits any more. */
  fail(error: ServiceError): void {
    if (!this.settle()) return;
    this.rejected(error);
    this.stream?.reset();
  }

  /** The listener of the attempt's signals. */
  handleEvent(): void {
    this.fail(cancelled());
  }

  /** Claims the one outcome; false when there is one already. */
  protected settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    clearTimeout(this.#timer);
    for (const signal of this.#attempt.signals) signal.removeEventListener('abort', this);
    this.onLeave?.(this);
    return true;
  }

  abstract open(carrier: Carrier): void;
  /** Initial metadata of an answer that is gRPC, which goes on after it. */
  protected abstract onBegin(): void;
  /** More bytes are in `reader`. */
  protected abstract onBytes(): void;
  /** Everything that was sent is here, and `trailers` is set. */
  protected abstract finish(): void;
  protected abstract rejected(error: ServiceError): void;

  onHeaders(headers: Headers, ended: boolean): void {
    this.headers = headers;
    if (ended && headers['grpc-status'] !== undefined) {
      // A failure alone, whatever its HTTP status is.
      this.onEnd(headers);
      return;
    }
    const fault = notGrpc(headers) ?? (ended ? lost() : undefined);
    if (fault !== undefined) {
      this.fail(fault);
      return;
    }
    this.#carrier?.answered(headers);
    const encoding = headers['grpc-encoding'];
    this.reader.encoding = typeof encoding === 'object' ? encoding.join() : encoding;
    this.onBegin();
  }

  onData(bytes: Buffer): void {
    if (this.#settled) return;
    this.reader.push(bytes);
    this.onBytes();
    this.reader.keep();
  }

  onEnd(trailers: Headers | undefined): void {
    if (this.#settled) return;
    // Not one of gRPC's answers: who sent it was cut off.
    if (trailers === undefined) {
      this.fail(lost());
      return;
    }
    this.trailers = trailers;
    this.finish();
    // The instance has said all: requests that are still on their way to it are of no use. Nothing is wrong.
    if (this.stream?.localEnded === false) this.stream.reset(errorCodes.noError);
  }

  onDrain(): void {
    // Calls with one request write once.
  }

  onClosed(code: number | undefined, cause: Error | undefined): void {
    const { stream } = this;
    const carrier = this.#carrier;
    // An instance that was told of a reset has not made room yet.
    if (code === errorCodes.cancel && carrier !== undefined) setImmediate(release, carrier);
    else carrier?.released();
    if (!this.#settled) this.fail(this.#failure(code, cause, carrier, stream?.id ?? 0));
  }

  #failure(
    code: number | undefined,
    cause: Error | undefined,
    carrier: Carrier | undefined,
    id: number,
  ): ServiceError {
    // What has begun to answer has looked at the request, whatever is said of it later.
    const answered = this.headers !== undefined;
    if (!answered && id > (carrier?.lastStreamId ?? 0)) return neverSent(cause);
    if (!answered && code === errorCodes.refusedStream) return refused();
    if (cause instanceof StreamFault) return broken(cause);
    if (code === undefined || code === errorCodes.refusedStream || carrier?.session.over === true)
      return lost(cause);
    return resetError(code, cause);
  }
}

function release(carrier: Carrier): void {
  carrier.released();
}

function expire(call: Http2Call): void {
  call.fail(expired());
}
