import { once } from 'node:events';
import {
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMessage,
  type JsonObject,
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
}

/** Answers with ProtoJSON, or fails with a grpc-js status. */
export type UnaryHandler = (call: UpstreamCall) => JsonObject | Promise<JsonObject>;
export type StreamHandler = (call: UpstreamCall) => AsyncIterable<JsonObject>;

export interface Upstream {
  readonly port: number;
  stop(): void;
}

/** A real grpc-js server over mutual TLS, of any contract: handlers by method name. */
export async function startUpstream(
  contract: Contract,
  identity: Identity,
  handlers: { readonly unary: Record<string, UnaryHandler>; readonly streams: Record<string, StreamHandler> },
): Promise<Upstream> {
  const server = new grpc.Server({ 'grpc.enable_channelz': 0 });
  const { registry } = contract;
  const read = (type: DescMessage, bytes: Buffer) =>
    toJson(type, fromBinary(type, bytes), { registry }) as JsonObject;
  const write = (type: DescMessage, json: JsonObject) =>
    Buffer.from(toBinary(type, fromJson(type, json, { registry })));
  const bytes = (value: Buffer) => value;
  for (const { path, descriptor } of contract.methods.values()) {
    const { input, output, name } = descriptor;
    const unary = handlers.unary[name];
    if (unary !== undefined)
      server.register<Buffer, Buffer>(
        path,
        (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) =>
          void answer(
            unary,
            contextOf(call, read(input, call.request)),
            (json) => write(output, json),
            callback,
          ),
        bytes,
        bytes,
        'unary',
      );
    const stream = handlers.streams[name];
    if (stream !== undefined)
      server.register<Buffer, Buffer>(
        path,
        (call: grpc.ServerWritableStream<Buffer, Buffer>) =>
          void answerAll(call, stream(contextOf(call, read(input, call.request))), (json) =>
            write(output, json),
          ),
        bytes,
        bytes,
        'serverStream',
      );
  }
  const credentials = grpc.ServerCredentials.createSsl(
    Buffer.from(identity.ca),
    [{ private_key: Buffer.from(identity.key), cert_chain: Buffer.from(identity.cert) }],
    true,
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  return { port, stop: () => server.forceShutdown() };
}

async function answer(
  handler: UnaryHandler,
  call: UpstreamCall,
  write: (json: JsonObject) => Buffer,
  callback: grpc.sendUnaryData<Buffer>,
): Promise<void> {
  try {
    callback(null, write(await handler(call)));
  } catch (error) {
    callback(error as grpc.ServiceError);
  }
}

async function answerAll(
  call: grpc.ServerWritableStream<Buffer, Buffer>,
  answers: AsyncIterable<JsonObject>,
  write: (json: JsonObject) => Buffer,
): Promise<void> {
  try {
    for await (const json of answers) {
      if (call.cancelled) return;
      if (!call.write(write(json))) await Promise.race([once(call, 'drain'), once(call, 'cancelled')]);
    }
    call.end();
  } catch (error) {
    call.emit('error', error);
  }
}

function contextOf(
  call: grpc.ServerUnaryCall<Buffer, Buffer> | grpc.ServerWritableStream<Buffer, Buffer>,
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
  };
}
