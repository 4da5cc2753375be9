import type { Metadata } from '@grpc/grpc-js';
import { ServiceError } from '../errors.ts';
import type { Headers } from '../http2/header-block.ts';
import type { Attempt } from './connection.ts';
import { Http2Call, type Carrier } from './http2-call.ts';
import { statusError, toMetadata } from './http2-status.ts';
import type { UnaryResult } from './mesh.ts';
import { checkLength, frameMessage } from './message-framing.ts';

/** A call with one request and one answer. */
export class Http2Unary extends Http2Call {
  readonly #path: string;
  readonly #request: Uint8Array;
  readonly #resolve: (result: UnaryResult) => void;
  readonly #reject: (error: ServiceError) => void;
  #message: Buffer | undefined;

  /** Throws where the request is too long. */
  constructor(
    attempt: Attempt,
    resolve: (result: UnaryResult) => void,
    reject: (error: ServiceError) => void,
  ) {
    checkLength(attempt.request);
    super(attempt);
    this.#path = attempt.path;
    this.#request = attempt.request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  override open(carrier: Carrier): void {
    const { compressAboveBytes } = carrier;
    const compresses = this.#request.length > compressAboveBytes;
    this.begin(carrier, frameMessage(this.#request, compressAboveBytes), true, compresses);
  }

  protected override onBegin(): void {
    // The message is still to come.
  }

  protected override onBytes(): void {
    const before = this.reader.bytes;
    try {
      this.#message ??= this.reader.next();
      if (this.#message !== undefined && this.reader.bytes > 0)
        throw new ServiceError(
          'INTERNAL',
          'MALFORMED_ANSWER',
          `${this.#path} answered with more than one message`,
        );
      // All of it is wanted, and its length is within the limit.
      if (this.#message === undefined) this.stream?.consume(before - this.#granted);
      this.#granted = before;
    } catch (error) {
      this.fail(error as ServiceError);
    }
  }

  #granted = 0;

  protected override finish(): void {
    const { headers = none, trailers = none } = this;
    const error =
      statusError(trailers, this.headers) ?? (this.#message === undefined ? this.#noMessage() : undefined);
    if (!this.settle()) return;
    if (error !== undefined) this.#reject(error);
    else if (this.#message !== undefined) this.#resolve(new Http2Result(this.#message, headers, trailers));
  }

  protected override rejected(error: ServiceError): void {
    this.#reject(error);
  }

  #noMessage(): ServiceError {
    const how = this.reader.bytes > 0 ? 'a cut message' : 'no message';
    return new ServiceError('INTERNAL', 'NO_MESSAGE', `${this.#path} answered OK with ${how}`);
  }
}

const none: Headers = {};
const read = new WeakMap<Headers, Metadata>();

/** Equal blocks are one object, so what comes again and again is read once. */
function metadataOf(headers: Headers): Metadata {
  let metadata = read.get(headers);
  if (metadata === undefined) read.set(headers, (metadata = toMetadata(headers)));
  return metadata;
}

/** Reads metadata when it is asked for: hardly anybody wants the trailers. */
class Http2Result implements UnaryResult {
  readonly message: Uint8Array;
  readonly #headers: Headers;
  readonly #trailers: Headers;

  constructor(message: Uint8Array, headers: Headers, trailers: Headers) {
    this.message = message;
    this.#headers = headers;
    this.#trailers = trailers;
  }

  get headers(): Metadata {
    return metadataOf(this.#headers);
  }

  get trailers(): Metadata {
    return metadataOf(this.#trailers);
  }
}
