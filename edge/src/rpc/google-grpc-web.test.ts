import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fromBinary, fromJson, toBinary, toJson, type JsonObject } from '@bufbuild/protobuf';
import { createRequire } from 'node:module';
import type * as GrpcWebModule from 'grpc-web';
import type { RpcError, Status } from 'grpc-web';
import { startLibrary, type Library } from '../testing/library.ts';

const require = createRequire(import.meta.url);
const { GrpcWebClientBase, MethodDescriptor } = require('grpc-web') as typeof GrpcWebModule;

let library: Library;
beforeAll(async () => {
  Object.assign(globalThis, { XMLHttpRequest: require('xhr2') as unknown });
  library = await startLibrary();
});
afterAll(async () => {
  Reflect.deleteProperty(globalThis, 'XMLHttpRequest');
  await library.stop();
});

function descriptor(name: string, type: 'unary' | 'server_streaming') {
  const path = `/acme.v1.Library/${name}`;
  const found = library.edge.schema.contract.methods.get(path)?.descriptor;
  if (found === undefined) throw new Error(`no ${name}`);
  const { input, output } = found;
  return new MethodDescriptor<JsonObject, JsonObject>(
    path,
    type,
    Object as never,
    Object as never,
    (json: JsonObject) => toBinary(input, fromJson(input, json)) as never,
    (bytes: Uint8Array) => toJson(output, fromBinary(output, bytes)) as JsonObject,
  );
}

function unary(format: string, name: string, json: JsonObject, metadata = {}): Promise<JsonObject> {
  const client = new GrpcWebClientBase({ format });
  const method = descriptor(name, 'unary');
  const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
  client.rpcCall(
    library.url + method.getName(),
    json,
    metadata,
    method,
    (error: RpcError, answer: JsonObject) => (error ? reject(error) : resolve(answer)),
  );
  return promise;
}

test.each(['text', 'binary'])('%s: a call with metadata', async (format) => {
  const title = 'é'.repeat(2_000);
  expect(await unary(format, 'GetBook', { id: '7', name: title })).toEqual({ id: '7', title });
  const seen = await unary(format, 'Inspect', {}, { 'my-name': 'me' });
  expect(seen['metadata']).toMatchObject({ 'my-name': 'me' });
  expect(Object.keys(seen['metadata'] as JsonObject)).not.toContain('x-grpc-web');
});

test.each(['text', 'binary'])('%s: an error', async (format) => {
  const failing = unary(format, 'Fail', { code: 5, message: 'not: é 100%' });
  await expect(failing).rejects.toMatchObject({ code: 5, message: 'not: é 100%' });
  await expect(unary(format, 'CreateBook', {})).rejects.toMatchObject({ code: 16 });
});

test.each(['text', 'binary'])('%s: a stream, and how it ends', async (format) => {
  // xhr2 hands out a body in parts only as text, which is why grpc-web has that format.
  const client = new GrpcWebClientBase({ format });
  const method = descriptor('WatchBooks', 'server_streaming');
  const request = { count: 3, failCode: 9, titleLength: 100 };
  const call = client.serverStreaming(library.url + method.getName(), request, {}, method);
  const ids: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<Status | RpcError>();
  call.on('data', (book) => ids.push((book as JsonObject)['id']));
  call.on('error', resolve);
  expect(await promise).toMatchObject({ code: 9, message: 'the stream broke' });
  expect(ids).toEqual(['0', '1', '2']);
});
