import type { Metadata } from '@grpc/grpc-js';
import type { Endpoint } from './endpoint.ts';
import type { StreamResult } from './mesh.ts';

/** A stream of which the first message, or its end, has arrived. */
interface Begun {
  readonly stream: StreamResult;
  readonly messages: AsyncIterator<Uint8Array>;
  readonly first: IteratorResult<Uint8Array>;
  readonly endpoint: Endpoint;
}

interface StreamAttempts {
  /** Begins a stream, on as many instances as it takes; hands each that it opens to `begun`. */
  readonly begin: (begun: (stream: StreamResult, endpoint: Endpoint) => Promise<Begun>) => Promise<Begun>;
  /** The reader left before the end. */
  readonly onLeave: () => void;
  /** Once, at the end, with what it failed with. */
  readonly onEnd: (error: unknown) => void;
}

/**
 * A stream whose beginning is tried like a unary call: until the first message nothing was seen by its
 * reader, so another instance may begin anew. After that a failure is the reader's to handle.
 */
export function resumableStream({ begin, onLeave, onEnd }: StreamAttempts): StreamResult {
  const headers = Promise.withResolvers<Metadata>();
  const trailers = Promise.withResolvers<Metadata>();
  // `messages` tells of a failure in any case.
  headers.promise.catch(() => undefined);
  trailers.promise.catch(() => undefined);

  async function* read(): AsyncGenerator<Uint8Array, undefined> {
    let begun: Begun | undefined;
    let failure: unknown;
    try {
      begun = await begin(readFirst);
      begun.endpoint.inFlight += 1;
      headers.resolve(await begun.stream.headers);
      for (let result = begun.first; result.done !== true; result = await begun.messages.next())
        yield result.value;
      trailers.resolve(await begun.stream.trailers);
    } catch (error) {
      failure = error;
      headers.reject(error);
      trailers.reject(error);
      throw error;
    } finally {
      if (begun !== undefined) begun.endpoint.inFlight -= 1;
      onEnd(failure);
    }
  }
  return { headers: headers.promise, trailers: trailers.promise, messages: eager(read(), onLeave) };
}

async function readFirst(stream: StreamResult, endpoint: Endpoint): Promise<Begun> {
  const messages = stream.messages[Symbol.asyncIterator]();
  return { stream, messages, first: await messages.next(), endpoint };
}

/** Begins at once, not only when the first message is asked for; leaving it early cancels the call. */
function eager(
  messages: AsyncGenerator<Uint8Array, undefined>,
  onLeave: () => void,
): AsyncIterable<Uint8Array> {
  let first: Promise<IteratorResult<Uint8Array, undefined>> | undefined = messages.next();
  first.catch(() => undefined);
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const result = first ?? messages.next();
        first = undefined;
        return result;
      },
      return: () => {
        onLeave();
        return messages.return(undefined);
      },
    }),
  };
}
