import './strict-text.ts';
import { ServiceError } from '../errors.ts';
import type { ServedCall } from './served-call.ts';

export type Step = (call: ServedCall) => Promise<void>;

/** One concern around every call: does its part, then `next(call)`, then what is left to do. */
export type Interceptor = (call: ServedCall, next: Step) => Promise<void>;

/** The interceptors in order, the first outermost, around `last`. Built once per server, not per call. */
export function chain(interceptors: readonly Interceptor[], last: Step): Step {
  return interceptors.reduceRight<Step>((next, interceptor) => (call) => interceptor(call, next), last);
}

/** The innermost step: decodes, runs the handler, encodes what it answers. */
export async function handle(call: ServedCall): Promise<void> {
  const { definition, handler, responseStream } = call.method;
  // Handler and decoder come from one definition, so they agree on a type that the server does not know.
  const answer = handler(readRequest(call) as never, call);
  if (!responseStream) {
    const response = await (answer as Promise<unknown>);
    if (!call.ended) await call.wire.send(definition.responseSerialize(response));
    return;
  }
  for await (const response of answer as AsyncIterable<unknown>) {
    // Leaving the loop ends the handler's iterator, so that it can clean up.
    if (call.ended) return;
    const sent = call.wire.send(definition.responseSerialize(response));
    call.onBegun?.();
    await sent;
  }
}

function readRequest(call: ServedCall): unknown {
  const { definition } = call.method;
  if (Buffer.isBuffer(call.request)) return decode(definition, call.request);
  return decodeAll(definition, call.request);
}

type Decoder = Pick<ServedCall['method']['definition'], 'requestDeserialize'>;

async function* decodeAll(definition: Decoder, requests: AsyncIterable<Buffer>): AsyncGenerator<unknown> {
  for await (const bytes of requests) yield decode(definition, bytes);
}

function decode(definition: Decoder, bytes: Buffer): unknown {
  try {
    return definition.requestDeserialize(bytes);
  } catch (error) {
    const message = 'the request is no valid message of its type';
    throw new ServiceError('INVALID_ARGUMENT', 'MALFORMED_REQUEST', message, { cause: error });
  }
}
