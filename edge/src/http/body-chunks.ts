import type { IncomingMessage, ServerResponse } from 'node:http';
import { createGunzip } from 'node:zlib';
import { ClientGone, hasBody, isBrokenOff, isGzip, notGzip, release } from './body.ts';
import { askForBody } from './continue.ts';

type Result = IteratorResult<Buffer, undefined>;

/**
 * The body of a request, decompressed, in parts as they come. The next part is read only when it is asked
 * for, so a slow taker holds the client back. Throws what `readBody` throws, but for limits; leaving it, and
 * the end of the answer, lets the rest of the body go by.
 */
export function bodyChunks(
  request: IncomingMessage,
  response: ServerResponse,
): AsyncIterableIterator<Buffer> {
  if (!hasBody(request)) return new NoChunks();
  const compressed = isGzip(request);
  askForBody(request, response);
  return new BodyChunks(request, response, compressed);
}

class NoChunks implements AsyncIterableIterator<Buffer> {
  async next(): Promise<Result> {
    return { done: true, value: undefined };
  }
  [Symbol.asyncIterator](): this {
    return this;
  }
}

class BodyChunks implements AsyncIterableIterator<Buffer> {
  readonly #request: IncomingMessage;
  readonly #source: NodeJS.ReadableStream & Parameters<typeof release>[1];
  readonly #chunks: Buffer[] = [];
  #waiting: PromiseWithResolvers<Result> | undefined;
  #ended: { readonly error?: Error } | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, compressed: boolean) {
    this.#request = request;
    this.#source = compressed ? request.pipe(createGunzip()) : request;
    const source = this.#source;
    source.pause();
    source.on('data', (chunk: Buffer) => {
      source.pause();
      this.#chunks.push(chunk);
      this.#settle();
    });
    source.once('end', () => this.#end(isBrokenOff(request) ? { error: new ClientGone() } : {}));
    if (compressed) source.once('error', (error: Error) => this.#end({ error: notGzip(error) }));
    request.once('error', () => this.#end({ error: new ClientGone() }));
    request.once('close', () => {
      if (!request.readableEnded) this.#end({ error: new ClientGone() });
    });
    // The answer is out, and nobody asks any more.
    response.once('finish', () => void this.return());
  }

  next(): Promise<Result> {
    this.#waiting = Promise.withResolvers<Result>();
    const { promise } = this.#waiting;
    if (this.#chunks.length === 0 && this.#ended === undefined) this.#source.resume();
    else this.#settle();
    return promise;
  }

  async return(): Promise<Result> {
    if (this.#ended === undefined) {
      release(this.#request, this.#source);
      this.#chunks.length = 0;
      this.#end({});
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #end(how: { readonly error?: Error }): void {
    this.#ended ??= how;
    this.#settle();
  }

  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const value = this.#chunks.shift();
    if (value === undefined && this.#ended === undefined) return;
    this.#waiting = undefined;
    if (value !== undefined) waiting.resolve({ done: false, value });
    else if (this.#ended?.error === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(this.#ended.error);
  }
}
