import type { ClientHttp2Stream } from 'node:http2';
import { Metadata } from '@grpc/grpc-js';
import { ServiceError } from '../errors.ts';
import type { Attempt, StreamingAttempt } from './connection.ts';
import { Http2Call } from './http2-call.ts';
import { cancelled, statusError, toMetadata } from './http2-status.ts';
import type { StreamResult } from './mesh.ts';
import { frameMessage } from './message-framing.ts';

type Result = IteratorResult<Uint8Array, undefined>;

/** So much is read ahead of the reader. The rest waits in the stream's window, and then with its sender. */
const readAheadBytes = 32 * 1024;

/** A call that streams its answers, its requests, or both. */
export class Http2StreamCall extends Http2Call {
  readonly result: StreamResult;
  readonly #attempt: Attempt | StreamingAttempt;
  readonly #begun = Promise.withResolvers<Metadata>();
  readonly #done = Promise.withResolvers<Metadata>();
  #waiting: PromiseWithResolvers<Result> | undefined;
  /** How it ended, once everything that was sent is in `reader`. */
  #outcome: { error?: ServiceError } | undefined;
  #paused = false;

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

  protected override onOpen(stream: ClientHttp2Stream): void {
    stream.on('end', () => {
      if (this.trailers !== undefined) this.finish();
    });
    if ('requests' in this.#attempt) void this.#send(stream, this.#attempt.requests);
    else this.#write(stream, this.#attempt.request, true);
  }

  protected override onBegin(): void {
    this.#begun.resolve(toMetadata(this.headers ?? {}));
    this.onBytes();
  }

  protected override onBytes(): void {
    const waiting = this.#waiting;
    const message = waiting === undefined ? undefined : this.#take();
    if (message !== undefined) {
      this.#waiting = undefined;
      waiting?.resolve({ done: false, value: message });
    }
    if (this.#waiting !== undefined || this.#paused || this.reader.bytes <= readAheadBytes) return;
    this.#paused = true;
    this.stream?.pause();
  }

  protected override onTrailers(): void {
    // What was sent before them may still be on its way: `end` says when it is here.
    if (this.stream?.readableEnded === true) this.finish();
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
    this.leave();
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
    else if (this.#paused) {
      this.#paused = false;
      this.stream?.resume();
    }
    return waiting.promise;
  }

  /** A message that is there; one that cannot be read is the end. */
  #take(): Buffer | undefined {
    if (this.headers === undefined) return undefined;
    try {
      return this.reader.next();
    } catch (error) {
      this.#broken(error as ServiceError);
      return undefined;
    }
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

  #write(stream: ClientHttp2Stream, message: Uint8Array, last: boolean): boolean {
    try {
      const frame = frameMessage(message);
      if (!last) return stream.write(frame);
      stream.end(frame);
    } catch (error) {
      this.fail(error as ServiceError);
    }
    return true;
  }

  /** Pulls the requests one by one as the instance takes them. */
  async #send(stream: ClientHttp2Stream, requests: StreamingAttempt['requests']): Promise<void> {
    for (;;) {
      const result = await requests.next().catch(() => undefined);
      if (this.settled) return;
      if (result === undefined) {
        // The mesh knows what they threw, and tells the reader.
        this.fail(cancelled());
        return;
      }
      if (result.done === true) {
        stream.end();
        return;
      }
      if (!this.#write(stream, result.value, false) && !this.settled)
        await new Promise((resolve) => stream.once('drain', resolve));
    }
  }
}
