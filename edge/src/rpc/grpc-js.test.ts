import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fromBinary, fromJson, toBinary, toJson, type JsonObject } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { eventually } from '@weft/chassis/testing/eventually';
import { ErrorInfo } from '@weft/proto/google/rpc/error_details';
import { Status } from '@weft/proto/google/rpc/status';
import { quiet, startLibrary, type Library } from '../testing/library.ts';

let library: Library;
let client: Client;
beforeAll(async () => {
  library = await startLibrary();
  client = new Client(`127.0.0.1:${library.port}`, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await library.stop();
});

function method(name: string) {
  const path = `/acme.v1.Library/${name}`;
  const descriptor = library.edge.schema.contract.methods.get(path)?.descriptor;
  if (descriptor === undefined) throw new Error(`no ${name}`);
  const { input, output } = descriptor;
  return {
    path,
    write: (json: JsonObject) => Buffer.from(toBinary(input, fromJson(input, json))),
    read: (bytes: Buffer) => toJson(output, fromBinary(output, bytes)) as JsonObject,
  };
}

interface Answered {
  readonly error: ServiceError | null;
  readonly answer: JsonObject | undefined;
  readonly headers: Metadata | undefined;
  readonly status: StatusObject;
}

async function unary(
  name: string,
  json: JsonObject,
  metadata = new Metadata(),
  options = {},
): Promise<Answered> {
  const { path, write, read } = method(name);
  let headers: Metadata | undefined;
  const result = Promise.withResolvers<[ServiceError | null, JsonObject | undefined]>();
  const call = client.makeUnaryRequest(path, write, read, json, metadata, options, (error, answer) =>
    result.resolve([error, answer]),
  );
  call.on('metadata', (sent: Metadata) => (headers = sent));
  const [ended] = (await once(call, 'status')) as [StatusObject];
  const [error, answer] = await result.promise;
  return { error, answer, headers, status: ended };
}

test('a call with metadata, headers and trailers', async () => {
  const metadata = new Metadata();
  metadata.set('my-key', 'v');
  metadata.set('my-key-bin', Buffer.from([1, 255]));
  const { answer, headers, status: ended } = await unary('Inspect', {}, metadata);
  expect(answer?.['metadata']).toMatchObject({ 'my-key': 'v', 'my-key-bin': '01ff' });
  expect(headers?.get('x-answer')).toEqual(['one']);
  expect(headers?.get('x-bytes-bin')).toEqual([Buffer.from([1, 2])]);
  expect(ended.metadata.get('x-end')).toEqual(['done']);
  expect(ended.metadata.get('x-end-bin')).toEqual([Buffer.from([3, 4, 5, 6])]);
});

test('an error has its details as they were sent', async () => {
  const info = ErrorInfo.encode({ reason: 'R', domain: 'd', metadata: {} }).finish();
  const sent = {
    code: 9,
    message: '50% ✓',
    details: [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(info) }],
  };
  const bytes = Buffer.from(Status.encode(sent).finish());
  const { error } = await unary('Fail', { code: 9, message: sent.message, status: bytes.toString('base64') });
  expect([error?.code, error?.details]).toEqual([status.FAILED_PRECONDITION, sent.message]);
  const details = error?.metadata.get('grpc-status-details-bin')[0] as Buffer;
  expect(Status.decode(details)).toEqual(Status.decode(bytes));
});

test('methods that nobody may call here are as unknown as any other', async () => {
  const { path, write, read } = method('Internal');
  for (const each of [path, '/acme.v1.Library/Nope', '/no.Service/Nope', '/acme.v1.Library/Forgotten']) {
    const { promise, resolve } = Promise.withResolvers<ServiceError | null>();
    client.makeUnaryRequest(each, write, read, {}, resolve);
    const error = await promise;
    expect([error?.code, error?.details]).toEqual([
      status.UNIMPLEMENTED,
      `${each.slice(1)} is not implemented`,
    ]);
  }
});

test('a deadline, and a call that is cancelled', async () => {
  const { error } = await unary('Hang', {}, new Metadata(), { deadline: Date.now() + 200 });
  expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
  const before = library.cancelled.length;
  const { path, write, read } = method('Hang');
  const { promise, resolve } = Promise.withResolvers<ServiceError | null>();
  const call = client.makeUnaryRequest(path, write, read, {}, resolve);
  await eventually(() => library.hanging() > 0);
  call.cancel();
  expect((await promise)?.code).toBe(status.CANCELLED);
  await eventually(() => library.cancelled.length > before);
});

test('a stream of answers', async () => {
  const { path, write, read } = method('WatchBooks');
  const call = client.makeServerStreamRequest(path, write, read, { count: 3 });
  const ended = once(call, 'status') as Promise<[StatusObject]>;
  const ids: unknown[] = [];
  for await (const book of call) ids.push((book as JsonObject)['id']);
  expect(ids).toEqual(['0', '1', '2']);
  expect((await ended)[0].metadata.get('x-end')).toEqual(['watched']);
});

test('a stream of requests', async () => {
  const { path, write, read } = method('UploadBooks');
  const { promise, resolve } = Promise.withResolvers<JsonObject | undefined>();
  const call = client.makeClientStreamRequest(path, write, read, (_, answer) => resolve(answer));
  for (const title of ['a', 'b']) call.write({ book: { title } });
  call.end();
  expect(await promise).toEqual({ count: 2, titles: ['a', 'b'] });
});

test('both sides stream, and what came before an error arrives', async () => {
  const { path, write, read } = method('Chat');
  const call = client.makeBidiStreamRequest(path, write, read);
  call.write({ text: 'hello', replies: 1 });
  expect(await once(call, 'data')).toEqual([{ text: 'hello' }]);
  call.write({ text: 'again', replies: 2 });
  expect([await once(call, 'data'), await once(call, 'data')]).toEqual([
    [{ text: 'again' }],
    [{ text: 'again', number: 1 }],
  ]);
  const failed = once(call, 'error');
  call.write({ replies: 0, failCode: 10 });
  await expect(failed).resolves.toMatchObject([{ code: status.ABORTED, details: 'the chat broke' }]);
});

test('a client that sends faster than the upstream takes is held back', async () => {
  const { path, write, read } = method('UploadBooks');
  const before = library.cancelled.length;
  const call = client.makeClientStreamRequest(path, write, read, () => undefined);
  call.on('error', () => undefined);
  call.write({ failCode: quiet });
  let sent = 0;
  const title = 'x'.repeat(50_000);
  // Until nothing moves any more: 50 kB each, of which windows on the way take some and memory not the rest.
  const send = (): void => {
    while (sent < 1_000 && call.write({ book: { title } })) sent += 1;
  };
  call.on('drain', send);
  send();
  let last = -1;
  await eventually(() => {
    const still = sent === last;
    last = sent;
    return still;
  });
  expect(sent).toBeLessThan(200);
  call.cancel();
  await eventually(() => library.cancelled.length > before);
});
