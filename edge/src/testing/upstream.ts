import { once, type EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import {
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMethod,
  type JsonObject,
  type Registry,
} from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import type { Contract } from '@weft/chassis/contract';
import type { Identity } from '@weft/chassis/testing/certificates';

/** A call that an upstream serves: its request as ProtoJSON. */
export interface UpstreamCall {
  readonly request: JsonObject;
  readonly metadata: grpc.Metadata;
  readonly deadlineMs: number;
  /** Aborted when the caller cancels. */
  readonly signal: AbortSignal;
  /** Sends initial metadata. */
  readonly sendMetadata: (metadata: grpc.Metadata) => void;
  /** Sent when the call ends well. */
  readonly trailers: grpc.Metadata;
}

/** A call that streams its requests, which are pulled one by one; `request` is empty. */
export interface StreamingUpstreamCall extends UpstreamCall {
  readonly requests: AsyncIterable<JsonObject>;
}

/** Answers with ProtoJSON, or fails with a grpc-js status. */
export type UnaryHandler = (call: UpstreamCall) => JsonObject | Promise<JsonObject>;
export type StreamHandler = (call: UpstreamCall) => AsyncIterable<JsonObject>;
export type ClientStreamHandler = (call: StreamingUpstreamCall) => Promise<JsonObject>;
export type BidiHandler = (call: StreamingUpstreamCall) => AsyncIterable<JsonObject>;

export interface Handlers {
  readonly unary?: Readonly<Record<string, UnaryHandler>>;
  readonly streams?: Readonly<Record<string, StreamHandler>>;
  readonly clientStreams?: Readonly<Record<string, ClientStreamHandler>>;
  readonly bidi?: Readonly<Record<string, BidiHandler>>;
}

export interface Upstream {
  readonly port: number;
  stop(): void;
}

/**
 * A real grpc-js server of any contract: handlers by method name. Over mutual TLS, or plaintext without an
 * identity. `extend` may register more.
 */
export async function startUpstream(
  contract: Contract,
  identity: Identity | undefined,
  handlers: Handlers,
  { port: wanted = 0, extend }: { port?: number; extend?: (server: grpc.Server) => void } = {},
): Promise<Upstream> {
  const server = new grpc.Server({ 'grpc.enable_channelz': 0 });
  for (const { path, descriptor } of contract.methods.values())
    registerMethod(server, path, descriptor, handlers, contract.registry);
  extend?.(server);
  const credentials =
    identity === undefined
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(
          Buffer.from(identity.ca),
          [{ private_key: Buffer.from(identity.key), cert_chain: Buffer.from(identity.cert) }],
          true,
        );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${wanted}`, credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { port, stop: () => server.forceShutdown() };
}

const bytes = (value: Buffer) => value;

function registerMethod(
  server: grpc.Server,
  path: string,
  { input, output, name }: DescMethod,
  { unary, streams, clientStreams, bidi }: Handlers,
  registry: Registry,
): void {
  const read = (value: Buffer) => toJson(input, fromBinary(input, value), { registry }) as JsonObject;
  const write = (json: JsonObject) => Buffer.from(toBinary(output, fromJson(output, json, { registry })));
  const register = (handler: grpc.UntypedHandleCall, type: string) =>
    server.register(path, handler as grpc.handleUnaryCall<Buffer, Buffer>, bytes, bytes, type);
  const one = unary?.[name];
  const many = streams?.[name];
  const upload = clientStreams?.[name];
  const both = bidi?.[name];
  if (one !== undefined)
    register((call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
      const context = contextOf(call, read(call.request));
      void answer(async () => write(await one(context)), context, callback);
    }, 'unary');
  if (many !== undefined)
    register((call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      const context = contextOf(call, read(call.request));
      void answerAll(call, many(context), write, context);
    }, 'serverStream');
  if (upload !== undefined)
    register((call: grpc.ServerReadableStream<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
      const context = { ...contextOf(call, {}), requests: requestsOf(call, read) };
      void answer(async () => write(await upload(context)), context, callback);
    }, 'clientStream');
  if (both !== undefined)
    register((call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      const context = { ...contextOf(call, {}), requests: requestsOf(call, read) };
      void answerAll(call, both(context), write, context);
    }, 'bidi');
}

async function* requestsOf(call: Readable, read: (value: Buffer) => JsonObject): AsyncGenerator<JsonObject> {
  // Not destroyed when its handler has enough of it: the status is yet to be sent.
  for await (const message of call.iterator({ destroyOnReturn: false })) yield read(message as Buffer);
}

async function answer(
  run: () => Promise<Buffer>,
  { trailers }: UpstreamCall,
  callback: grpc.sendUnaryData<Buffer>,
): Promise<void> {
  try {
    callback(null, await run(), trailers);
  } catch (error) {
    callback(error as grpc.ServiceError);
  }
}

async function answerAll(
  call: grpc.ServerWritableStream<Buffer, Buffer> | grpc.ServerDuplexStream<Buffer, Buffer>,
  answers: AsyncIterable<JsonObject>,
  write: (json: JsonObject) => Buffer,
  { trailers }: UpstreamCall,
): Promise<void> {
  try {
    for await (const json of answers) {
      if (call.cancelled) return;
      if (!call.write(write(json))) await Promise.race([once(call, 'drain'), once(call, 'cancelled')]);
    }
    call.end(trailers);
  } catch (error) {
    call.emit('error', error);
  }
}

function contextOf(
  call: Pick<grpc.ServerUnaryCall<Buffer, Buffer>, 'metadata' | 'getDeadline' | 'sendMetadata'> &
    EventEmitter,
  request: JsonObject,
): UpstreamCall {
  const cancelled = new AbortController();
  call.on('cancelled', () => cancelled.abort());
  const deadline = call.getDeadline();
  return {
    request,
    metadata: call.metadata,
    deadlineMs: deadline instanceof Date ? deadline.getTime() : deadline,
    signal: cancelled.signal,
    sendMetadata: (metadata) => call.sendMetadata(metadata),
    trailers: new grpc.Metadata(),
  };
}
