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
    stream.on('response', (headers, flags) => this.#onResponse(headers, flags));
    stream.on('data', (chunk: Buffer) => this.#onData(chunk));
    stream.on('trailers', (trailers) => {
      this.trailers = trailers;
      this.onTrailers();
    });
    stream.on('frameError', (type: number) => {
      this.#unsent ||= type === headersFrame;
    });
    // Always followed by `close`, which knows more.
    stream.on('error', ignore);
    stream.on('close', () => this.#onClose());
    this.onOpen(stream);
  }

  /** Ends the call with an error; the instance is told that nobody waits any more. */
  fail(error: ServiceError): void {
    if (!this.settle()) return;
    this.rejected(error);
    if (this.stream?.closed === false) this.stream.close(constants.NGHTTP2_CANCEL);
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

  #onResponse(headers: IncomingHttpHeaders, flags: number): void {
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

  #onData(chunk: Buffer): void {
    if (this.#settled) return;
    this.#carrier?.heard();
    this.reader.push(chunk);
    this.onBytes();
  }

  #onClose(): void {
    const { stream } = this;
    const carrier = this.#carrier;
    carrier?.released();
    if (this.#settled || stream === undefined || carrier === undefined) return;
    const { rstCode } = stream;
    if (this.trailers !== undefined && rstCode === constants.NGHTTP2_NO_ERROR) this.finish();
    else if (this.headers === undefined && (this.#unsent || (stream.id ?? 0) > carrier.lastStreamId))
      this.fail(neverSent());
    else if (rstCode !== constants.NGHTTP2_REFUSED_STREAM && carrier.lost) this.fail(lost());
    else this.fail(resetError(rstCode));
  }
}

function expire(call: Http2Call): void {
  call.fail(expired());
}

function ignore(): void {
  // Nothing: see where it is used.
}
