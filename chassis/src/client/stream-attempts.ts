import type { Metadata } from '@grpc/grpc-js';
import type { Endpoint } from './endpoint.ts';
import type { StreamResult } from './mesh.ts';

/** A stream whose initial metadata, or good end, has arrived. */
export interface Begun {
  readonly stream: StreamResult;
  readonly endpoint: Endpoint;
}

interface StreamAttempts {
  /** Begins a stream, on as many instances as it takes; hands each that it opens to `begun`. */
  readonly begin: (begun: (stream: StreamResult, endpoint: Endpoint) => Promise<Begun>) => Promise<Begun>;
  /** The reader left before the end. */
  readonly onLeave: () => void;
  /** Once, at the end, with what it failed with; answers what its reader is told. */
  readonly onEnd: (error: unknown) => unknown;
}

/**
 * A stream whose beginning is tried like a unary call: until the initial metadata its reader has seen
 * nothing, so another instance may begin anew. From then on the call is committed (gRFC A6), and a
 * failure is the reader's to handle.
 */
export function resumableStream({ begin, onLeave, onEnd }: StreamAttempts): StreamResult {
  const headers = Promise.withResolvers<Metadata>();
  const trailers = Promise.withResolvers<Metadata>();
  // `messages` tells of a failure in any case.
  headers.promise.catch(() => undefined);
  trailers.promise.catch(() => undefined);

  async function* read(): AsyncGenerator<Uint8Array, undefined> {
    let endpoint: Endpoint | undefined;
    let failure: unknown;
    try {
      const begun = await begin(whenBegun);
      endpoint = begun.endpoint;
      endpoint.inFlight += 1;
      const { stream } = begun;
      headers.resolve(await stream.headers);
      yield* stream.messages;
      trailers.resolve(await stream.trailers);
    } catch (error) {
      failure = error;
    } finally {
      if (endpoint !== undefined) endpoint.inFlight -= 1;
      const told = onEnd(failure);
      if (failure !== undefined) {
        headers.reject(told);
        trailers.reject(told);
      }
      failure = told;
    }
    if (failure !== undefined) throw failure;
  }
  return { headers: headers.promise, trailers: trailers.promise, messages: eager(read(), onLeave) };
}

async function whenBegun(stream: StreamResult, endpoint: Endpoint): Promise<Begun> {
  await stream.headers;
  return { stream, endpoint };
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
