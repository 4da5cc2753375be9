import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { Metadata } from '@grpc/grpc-js';
import { ServiceError } from '../errors.ts';
import type { Attempt } from './connection.ts';
import { Http2Call } from './http2-call.ts';
import { statusError, toMetadata } from './http2-status.ts';
import type { UnaryResult } from './mesh.ts';
import { frameMessage } from './message-framing.ts';

/** A call with one request and one answer. */
export class Http2Unary extends Http2Call {
  readonly #path: string;
  readonly #frame: Buffer;
  readonly #resolve: (result: UnaryResult) => void;
  readonly #reject: (error: ServiceError) => void;
  #message: Buffer | undefined;

  /** Throws where the request is too long. */
  constructor(
    attempt: Attempt,
    resolve: (result: UnaryResult) => void,
    reject: (error: ServiceError) => void,
  ) {
    const frame = frameMessage(attempt.request);
    super(attempt);
    this.#path = attempt.path;
    this.#frame = frame;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  protected override onOpen(stream: ClientHttp2Stream): void {
    stream.end(this.#frame);
  }

  protected override onBegin(): void {
    // Bytes may have come before the event of their headers.
    this.onBytes();
  }

  protected override onBytes(): void {
    if (this.headers === undefined) return;
    try {
      this.#message ??= this.reader.next();
      if (this.#message === undefined || this.reader.bytes === 0) return;
      throw new ServiceError(
        'INTERNAL',
        'MALFORMED_ANSWER',
        `${this.#path} answered with more than one message`,
      );
    } catch (error) {
      this.fail(error as ServiceError);
    }
  }

  protected override onTrailers(): void {
    if (this.#message !== undefined || this.trailers?.['grpc-status'] !== '0') this.finish();
  }

  protected override finish(): void {
    const { headers = {}, trailers = {} } = this;
    const error = statusError(trailers) ?? (this.#message === undefined ? this.#noMessage() : undefined);
    if (!this.settle()) return;
    if (error !== undefined) this.#reject(error);
    else if (this.#message !== undefined) this.#resolve(new Http2Result(this.#message, headers, trailers));
    this.leave();
  }

  protected override rejected(error: ServiceError): void {
    this.#reject(error);
  }

  #noMessage(): ServiceError {
    const how = this.reader.bytes > 0 ? 'a cut message' : 'no message';
    return new ServiceError('INTERNAL', 'NO_MESSAGE', `${this.#path} answered OK with ${how}`);
  }
}

/** Reads metadata when it is asked for: hardly anybody wants the trailers. */
class Http2Result implements UnaryResult {
  readonly message: Uint8Array;
  readonly #headers: IncomingHttpHeaders;
  readonly #trailers: IncomingHttpHeaders;

  constructor(message: Uint8Array, headers: IncomingHttpHeaders, trailers: IncomingHttpHeaders) {
    this.message = message;
    this.#headers = headers;
    this.#trailers = trailers;
  }

  get headers(): Metadata {
    return toMetadata(this.#headers);
  }

  get trailers(): Metadata {
    return toMetadata(this.#trailers);
  }
}
