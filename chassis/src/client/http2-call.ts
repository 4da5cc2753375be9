import {
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { ServiceError } from '../errors.ts';
import type { AttemptBase } from './connection.ts';
import { requestHeaders } from './http2-headers.ts';
import { cancelled, expired, lost, neverSent, notGrpc, resetError } from './http2-status.ts';
import { MessageReader } from './message-framing.ts';

/** RFC 9113, section 6.2. */
const headersFrame = 1;
const requestOptions = { endStream: false } as const;
/** setTimeout takes no longer one. */
const longestTimerMs = 2 ** 31 - 1;

/** What a call needs of the session that carries it. */
export interface Carrier {
  readonly session: ClientHttp2Session;
  /** See constantHeaders. */
  readonly headers: readonly string[];
  /** Streams above it were not looked at, once the instance said GOAWAY. */
  readonly lastStreamId: number;
  /** Whether the session has ended, or lets its last streams end. */
  readonly lost: boolean;
  /** Something came from the instance. */
  heard(): void;
  /** A stream has ended, for both sides. */
  released(): void;
}

/**
 * One attempt as an HTTP/2 stream, from the moment it waits for one: its deadline, its signals, and its one
 * outcome. Subclasses say what becomes of messages.
 */
export abstract class Http2Call {
  /** Set while it waits for a stream: called when it is over before it got one. */
  onLeave: ((call: Http2Call) => void) | undefined;
  protected readonly reader = new MessageReader();
  protected stream: ClientHttp2Stream | undefined;
  protected headers: IncomingHttpHeaders | undefined;
  protected trailers: IncomingHttpHeaders | undefined;
  readonly #attempt: AttemptBase;
  #carrier: Carrier | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settled = false;
  #unsent = false;

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

  /** Begins the stream. */
  open(carrier: Carrier): void {
    this.#carrier = carrier;
    let stream: ClientHttp2Stream;
    try {
      stream = carrier.session.request(requestHeaders(carrier.headers, this.#attempt), requestOptions);
    } catch (error) {
      carrier.released();
      this.fail(
        new ServiceError('INTERNAL', 'BAD_REQUEST_HEADERS', 'the request cannot be sent', { cause: error }),
      );
      return;
    }
    this.stream = stream;
    (stream as CallStream)[callKey] = this;
    stream.on('response', onResponse);
    stream.on('data', onData);
    stream.on('trailers', onTrailers);
    stream.on('frameError', onFrameError);
    stream.on('error', onError);
    stream.on('close', onClose);
    this.onOpen(stream);
  }

  /** Ends the call with an error; the instance is told that nobody waits any more. */
  fail(error: ServiceError): void {
    if (!this.settle()) return;
    this.rejected(error);
    this.reset();
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

  protected reset(): void {
    if (this.stream?.closed === false) this.stream.close(constants.NGHTTP2_CANCEL);
  }

  /** The instance has said all: it needs no reset, unless requests are still on their way to it. */
  protected leave(): void {
    if (this.stream?.writableFinished === false) this.reset();
  }

  /** The stream has begun: time to send. */
  protected abstract onOpen(stream: ClientHttp2Stream): void;
  /** Initial metadata of an answer that is gRPC, which goes on after it. */
  protected abstract onBegin(): void;
  /** More bytes are in `reader`. */
  protected abstract onBytes(): void;
  /** `trailers` is set. There may be bytes to come, which were sent before. */
  protected abstract onTrailers(): void;
  /** Everything that was sent is here, and `trailers` is set. */
  protected abstract finish(): void;
  protected abstract rejected(error: ServiceError): void;

  onResponse(headers: IncomingHttpHeaders, flags: number): void {
    this.#carrier?.heard();
    this.headers = headers;
    const trailersOnly = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (headers['grpc-status'] === undefined) {
      const fault = notGrpc(headers);
      if (fault !== undefined) {
        this.fail(fault);
        return;
      }
    } else if (trailersOnly) {
      this.trailers = headers;
      this.finish();
      return;
    }
    this.reader.encoding = headers['grpc-encoding'] as string | undefined;
    this.onBegin();
  }

  onData(chunk: Buffer): void {
    if (this.#settled) return;
    this.#carrier?.heard();
    this.reader.push(chunk);
    this.onBytes();
  }

  onEndBlock(trailers: IncomingHttpHeaders): void {
    this.trailers = trailers;
    this.onTrailers();
  }

  onFrameError(type: number): void {
    this.#unsent ||= type === headersFrame;
  }

  onClose(): void {
    const { stream } = this;
    const carrier = this.#carrier;
    this.stream = undefined;
    carrier?.released();
    if (this.#settled || stream === undefined || carrier === undefined) return;
    const { rstCode } = stream;
    // What was not read yet is gone with a stream that was cut.
    if (this.trailers !== undefined && stream.readableEnded) this.finish();
    else if (this.headers === undefined && (this.#unsent || (stream.id ?? 0) > carrier.lastStreamId))
      this.fail(neverSent());
    else if (rstCode !== constants.NGHTTP2_REFUSED_STREAM && carrier.lost) this.fail(lost());
    else this.fail(resetError(rstCode));
  }
}

function expire(call: Http2Call): void {
  call.fail(expired());
}

/**
 * Shared by all streams, and cut from their call at its end: Node's handle of a stream, and all that it leads to,
 * outlives it until the next full collection.
 */
const callKey = Symbol('call');

interface CallStream extends ClientHttp2Stream {
  [callKey]?: Http2Call | undefined;
}

function callOf(stream: CallStream): Http2Call | undefined {
  return stream[callKey];
}

function onResponse(this: ClientHttp2Stream, headers: IncomingHttpHeaders, flags: number): void {
  callOf(this)?.onResponse(headers, flags);
}

function onData(this: ClientHttp2Stream, chunk: Buffer): void {
  callOf(this)?.onData(chunk);
}

function onTrailers(this: ClientHttp2Stream, trailers: IncomingHttpHeaders): void {
  callOf(this)?.onEndBlock(trailers);
}

function onFrameError(this: ClientHttp2Stream, type: number): void {
  callOf(this)?.onFrameError(type);
}

function onError(): void {
  // Always followed by `close`, which knows more.
}

function onClose(this: CallStream): void {
  const call = callOf(this);
  this[callKey] = undefined;
  call?.onClose();
}
