import { Metadata, status as grpcStatus, type StatusObject } from '@grpc/grpc-js';
import type { ServiceError } from '../errors.ts';
import type { Running } from './grpc-connection.ts';
import type { StreamResult } from './mesh.ts';

type Result = IteratorResult<Uint8Array, undefined>;

/**
 * A server stream that is pulled: grpc-js is asked for one message at a time, so what its reader does
 * not take stays with the sender (HTTP/2 flow control).
 */
export class GrpcStream implements StreamResult {
  readonly #running: Running;
  readonly #finish: (status: StatusObject) => ServiceError | undefined;
  readonly #headers = Promise.withResolvers<Metadata>();
  readonly #trailers = Promise.withResolvers<Metadata>();
  #waiting: PromiseWithResolvers<Result> | undefined;
  #ended: { readonly error: ServiceError | undefined } | undefined;

  constructor(running: Running, finish: (status: StatusObject) => ServiceError | undefined) {
    this.#running = running;
    this.#finish = finish;
    // Whoever wants them awaits them; `messages` tells of the failure in any case.
    this.#headers.promise.catch(() => undefined);
    this.#trailers.promise.catch(() => undefined);
  }

  get headers(): Promise<Metadata> {
    return this.#headers.promise;
  }

  get trailers(): Promise<Metadata> {
    return this.#trailers.promise;
  }

  readonly messages: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => this.#next(),
      return: async () => {
        this.#cancel();
        return { done: true, value: undefined };
      },
    }),
  };

  onReceiveMetadata(metadata: Metadata): void {
    this.#headers.resolve(metadata);
  }

  onReceiveMessage(message: Buffer): void {
    this.#settle((waiting) => waiting.resolve({ done: false, value: message }));
  }

  onReceiveStatus(status: StatusObject): void {
    const error = this.#finish(status);
    this.#ended = { error };
    if (error === undefined) {
      this.#headers.resolve(new Metadata());
      this.#trailers.resolve(status.metadata);
      this.#settle((waiting) => waiting.resolve({ done: true, value: undefined }));
    } else {
      this.#headers.reject(error);
      this.#trailers.reject(error);
      this.#settle((waiting) => waiting.reject(error));
    }
  }

  #next(): Promise<Result> {
    if (this.#ended !== undefined) {
      const { error } = this.#ended;
      return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
    }
    this.#waiting = Promise.withResolvers<Result>();
    this.#running.call.startRead();
    return this.#waiting.promise;
  }

  #settle(how: (waiting: PromiseWithResolvers<Result>) => void): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) how(waiting);
  }

  #cancel(): void {
    if (this.#ended !== undefined) return;
    this.#running.cancelled = true;
    this.#running.call.cancelWithStatus(grpcStatus.CANCELLED, 'the reader left');
  }
}
