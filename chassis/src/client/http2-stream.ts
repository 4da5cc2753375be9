import { Metadata } from '@grpc/grpc-js';
import { ServiceError } from '../errors.ts';
import type { Attempt, StreamingAttempt } from './connection.ts';
import { Http2Call, type Carrier } from './http2-call.ts';
import { cancelled, statusError, toMetadata } from './http2-status.ts';
import type { StreamResult } from './mesh.ts';
import { frameMessage } from './message-framing.ts';

type Result = IteratorResult<Uint8Array, undefined>;

const nothing = Buffer.alloc(0);

/**
 * A call that streams its answers, its requests, or both. What its reader has not taken stays in the stream's
 * window, and then with its sender.
 */
export class Http2StreamCall extends Http2Call {
  readonly result: StreamResult;
  readonly #attempt: Attempt | StreamingAttempt;
  readonly #begun = Promise.withResolvers<Metadata>();
  readonly #done = Promise.withResolvers<Metadata>();
  #waiting: PromiseWithResolvers<Result> | undefined;
  /** How it ended, once everything that was sent is in `reader`. */
  #outcome: { error?: ServiceError } | undefined;
  /** Bytes that came, and of those the ones that the sender may replace. */
  #received = 0;
  #granted = 0;
  #drained: (() => void) | undefined;

  constructor(attempt: Attempt | StreamingAttempt) {
    super(attempt);
    this.#attempt = attempt;
    const headers = this.#begun.promise;
    const trailers = this.#done.promise;
    // Whoever wants them awaits them; `messages` tells of the failure in any case.
    headers.catch(() => undefined);
    trailers.catch(() => undefined);
    const iterator: AsyncIterator<Uint8Array, undefined> = {
      next: () => this.#next(),
      return: async () => {
        this.fail(cancelled());
        return { done: true, value: undefined };
      },
    };
    this.result = { headers, trailers, messages: { [Symbol.asyncIterator]: () => iterator } };
  }

  override open(carrier: Carrier): void {
    const { requests, request } = this.#attempt as Partial<Attempt & StreamingAttempt>;
    if (requests !== undefined) {
      const { compressAboveBytes } = carrier;
      this.begin(carrier, nothing, false, compressAboveBytes < Infinity);
      void this.#send(requests, compressAboveBytes);
      return;
    }
    try {
      const { compressAboveBytes } = carrier;
      const message = request ?? nothing;
      const compresses = message.length > compressAboveBytes;
      this.begin(carrier, frameMessage(message, compressAboveBytes), true, compresses);
    } catch (error) {
      carrier.released();
      this.fail(error as ServiceError);
    }
  }

  override onData(bytes: Buffer): void {
    this.#received += bytes.length;
    super.onData(bytes);
  }

  override onDrain(): void {
    this.#drained?.();
  }

  override onClosed(code: number | undefined, cause: Error | undefined): void {
    super.onClosed(code, cause);
    this.#drained?.();
  }

  protected override onBegin(): void {
    this.#begun.resolve(toMetadata(this.headers ?? {}));
  }

  protected override onBytes(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const message = this.#take();
    if (message === undefined) {
      // Its reader waits for the rest of it, however long it is.
      if (this.#waiting !== undefined) this.#grant(this.#received);
      return;
    }
    this.#waiting = undefined;
    waiting.resolve({ done: false, value: message });
  }

  protected override finish(): void {
    const { trailers = {} } = this;
    const error = statusError(trailers);
    if (!this.settle()) return;
    if (error === undefined) {
      this.#outcome = {};
      this.#begun.resolve(new Metadata());
      this.#done.resolve(toMetadata(trailers));
    } else this.#failed(error);
    this.#tellEnd();
  }

  protected override rejected(error: ServiceError): void {
    this.#failed(error);
    this.reader.clear();
    this.#tellEnd();
  }

  #failed(error: ServiceError): void {
    this.#outcome = { error };
    this.#begun.reject(error);
    this.#done.reject(error);
  }

  #next(): Promise<Result> {
    const message = this.#take();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    const waiting = Promise.withResolvers<Result>();
    this.#waiting = waiting;
    if (this.#outcome !== undefined) this.#tellEnd();
    else this.#grant(this.#received);
    return waiting.promise;
  }

  /** A message that is there; one that cannot be read is the end. */
  #take(): Buffer | undefined {
    try {
      const message = this.reader.next();
      if (message !== undefined) this.#grant(this.#received - this.reader.bytes);
      return message;
    } catch (error) {
      this.#broken(error as ServiceError);
      return undefined;
    }
  }

  /** Lets the sender send on, as if `bytes` were all that was ever wanted. */
  #grant(bytes: number): void {
    if (bytes <= this.#granted) return;
    this.stream?.consume(bytes - this.#granted);
    this.#granted = bytes;
  }

  #tellEnd(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (this.#outcome?.error === undefined && this.reader.bytes > 0)
      this.#broken(new ServiceError('INTERNAL', 'MALFORMED_ANSWER', 'the last message is cut'));
    this.#waiting = undefined;
    const error = this.#outcome?.error;
    if (error === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(error);
  }

  /** Also after the end: what came before it is read late. */
  #broken(error: ServiceError): void {
    if (this.settled) this.rejected(error);
    else this.fail(error);
  }

  /** Pulls the requests one by one as the instance takes them. */
  async #send(requests: StreamingAttempt['requests'], compressAboveBytes: number): Promise<void> {
    for (;;) {
      const result = await requests.next().catch(() => undefined);
      if (this.settled) return;
      if (result === undefined) {
        // The mesh knows what they threw, and tells the reader.
        this.fail(cancelled());
        return;
      }
      if (result.done === true) {
        this.stream?.write(nothing, true);
        return;
      }
      try {
        if (this.stream?.write(frameMessage(result.value, compressAboveBytes), false) === true) continue;
      } catch (error) {
        this.fail(error as ServiceError);
        return;
      }
      await new Promise<void>((resolve) => (this.#drained = resolve));
      this.#drained = undefined;
    }
  }
}
