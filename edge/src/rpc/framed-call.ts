import type { Metadata } from '@grpc/grpc-js';
import type { StreamResult } from '@weft/chassis/client/mesh';
import type { MethodRule } from '@weft/chassis/contract';
import { callOptions } from '../call.ts';
import { bodyChunks } from '../http/body-chunks.ts';
import { ClientGone } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Failure } from '../http/faults.ts';
import { SlowClient, write } from '../rest/stream-answer.ts';
import { acceptsGzip, gzip, isGzip } from './compression.ts';
import type { Codec } from './content-type.ts';
import { envelope } from './envelope.ts';
import { messagesOf } from './messages.ts';
import { answerMetadata, rpcMetadata } from './metadata.ts';
import { onlyRequest, readRequests } from './requests.ts';
import type { RpcOptions } from './rpc.ts';

/** What a protocol does in its own way, of those that set messages into frames. */
export interface Framing {
  readonly codec: Codec;
  /** The header in which either side names the compression of messages, and that for what it takes. */
  readonly encodingHeader: string;
  readonly acceptHeader: string;
  /** A client that says nothing of what it takes takes the compression that it sends. */
  readonly acceptsItsOwn: boolean;
  /** The frames in a body. */
  readonly input: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
  /** A frame as it stands in a body. */
  readonly output: (frame: Buffer) => string | Uint8Array;
  /** Begins the answer, of a call that has begun to answer itself. */
  readonly begin: (headers: Record<string, string | string[]>) => void;
  /** Ends it: with the upstream's trailers, or with a failure. */
  readonly end: (trailers: Record<string, string[]>, failure: Failure | undefined) => void;
}

/**
 * Calls a method and answers it, message by message: each is sent at once, and the next is pulled only when the
 * client has read enough of the last, as requests are pulled from it. Throws what fails before the answer has
 * begun; a later failure is the protocol's to tell at the end.
 */
export async function serveFramed(
  exchange: Exchange,
  method: MethodRule,
  framing: Framing,
  options: RpcOptions,
): Promise<void> {
  const { request, response, pass } = exchange;
  const { limits, failures } = options;
  const gzipped = isGzip(header(exchange, framing.encodingHeader));
  const gzips = acceptsGzip(header(exchange, framing.acceptHeader), framing.acceptsItsOwn && gzipped);
  const messages = messagesOf(framing.codec, method, exchange.schema, options);
  const chunks = framing.input(bodyChunks(request, response));
  const requests = readRequests(chunks, messages, gzipped, limits);
  const result = await call(exchange, method, requests, options);

  const send = async (message: Uint8Array): Promise<void> => {
    const data = messages.write(message);
    const small = gzips ? await gzip(data) : undefined;
    if (exchange.signal.aborted) throw new ClientGone();
    const frame = small === undefined ? envelope(0, data) : envelope(1, small);
    await write(response, framing.output(frame), limits.slowClientMs);
  };
  framing.begin({
    ...answerMetadata(await result.headers, pass.stripped),
    ...exchange.headers,
    [framing.acceptHeader]: 'gzip',
    // For nginx: each message at once.
    ...(method.streaming ? { 'x-accel-buffering': 'no' } : {}),
    ...(gzips ? { [framing.encodingHeader]: 'gzip' } : {}),
  });
  try {
    for await (const message of result.messages) await send(message);
    framing.end(answerMetadata(await result.trailers, pass.stripped), undefined);
  } catch (error) {
    if (error instanceof SlowClient || error instanceof ClientGone || isGone(exchange, options)) throw error;
    framing.end({}, failures.of(exchange, error));
  }
}

/** The client has left: there is nobody to tell. A process that shuts down tells its streams so. */
function isGone({ signal }: Exchange, { draining }: RpcOptions): boolean {
  return signal.aborted && !draining.aborted;
}

function header({ request }: Exchange, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

async function call(
  exchange: Exchange,
  { path, descriptor }: MethodRule,
  requests: AsyncIterable<Uint8Array>,
  { mesh }: RpcOptions,
): Promise<StreamResult> {
  const how = callOptions(exchange, rpcMetadata);
  switch (descriptor.methodKind) {
    case 'unary':
      return asStream(await mesh.unary(path, await onlyRequest(requests), how));
    case 'server_streaming':
      return mesh.serverStream(path, await onlyRequest(requests), how);
    case 'client_streaming':
    case 'bidi_streaming':
      return mesh.clientStream(path, requests, how);
  }
}

function asStream(result: { message: Uint8Array; headers: Metadata; trailers: Metadata }): StreamResult {
  return {
    headers: Promise.resolve(result.headers),
    messages: (async function* () {
      yield result.message;
    })(),
    trailers: Promise.resolve(result.trailers),
  };
}
