import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { collect } from '../testing/collect.ts';
import { eventually } from '../testing/eventually.ts';
import type { Attempt, Connection } from './connection.ts';
import { http2Connect } from './http2-connection.ts';
import { connectionLost, streamRefused } from './retry.ts';

/** Plays the upstream of one call. */
type Answer = (stream: ServerHttp2Stream) => void;

let server: Http2Server;
let connection: Connection;
let answer: Answer;
const sessions = new Set<{ destroy(): void }>();

beforeAll(async () => {
  server = createServer();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.resume();
    answer(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  connection = http2Connect({ kind: 'plaintext' })(`127.0.0.1:${port}`, undefined, () => undefined);
  await eventually(() => connection.ready);
});

afterAll(() => {
  connection.close();
  for (const session of sessions) session.destroy();
  server.close();
});

const grpc = { ':status': 200, 'content-type': 'application/grpc' };
const ok = { 'grpc-status': '0' };

/** A well-formed answer, but for what a test gets wrong. */
function answering(
  body: readonly Buffer[],
  trailers: Record<string, string> | undefined,
  headers = {},
): Answer {
  return (stream) => {
    stream.respond({ ...grpc, ...headers }, { waitForTrailers: trailers !== undefined });
    if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    for (const part of body) stream.write(part);
    stream.end();
  };
}

function message(text: string | Buffer, flag = 0): Buffer {
  const bytes = Buffer.from(text);
  const prefix = Buffer.alloc(5, flag);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

const attempt = (): Attempt => ({
  path: '/test.Raw/unary',
  request: Buffer.from('x'),
  metadata: [],
  deadlineMs: Date.now() + 10_000,
  signals: [],
});
const unary = async (): Promise<string> =>
  Buffer.from((await connection.unary(attempt())).message).toString();
const streamed = async (): Promise<string[]> =>
  (await collect(connection.serverStream(attempt()).messages)).map((each) => Buffer.from(each).toString());

test('messages are read however the bytes are cut', async () => {
  const bytes = Buffer.concat([message('one'), message(''), message('three')]);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    answer = answering([bytes.subarray(0, cut), bytes.subarray(cut)], ok);
    expect(await streamed()).toEqual(['one', '', 'three']);
  }
  answer = answering(
    [...message('one')].map((byte) => Buffer.from([byte])),
    ok,
  );
  expect(await unary()).toBe('one');
});

test('gzip is read where it was named, up to the limit of a message', async () => {
  const named = { 'grpc-encoding': 'gzip' };
  answer = answering([message(gzipSync('packed'), 1)], ok, named);
  expect(await unary()).toBe('packed');
  answer = answering([message(gzipSync(Buffer.alloc(5 * 1024 * 1024)), 1)], ok, named);
  await expect(unary()).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  for (const [bytes, headers] of [
    [message(gzipSync('packed'), 1), {}],
    [message(gzipSync('packed'), 1), { 'grpc-encoding': 'br' }],
    [message('no gzip', 1), named],
    [message('x', 2), {}],
  ] as const) {
    answer = answering([bytes], ok, headers);
    await expect(unary()).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(streamed()).rejects.toMatchObject({ code: 'INTERNAL' });
  }
});

test('a unary answer is one whole message', async () => {
  for (const body of [[], [message('one').subarray(0, 6)], [message('one'), message('two')]]) {
    answer = answering(body, ok);
    await expect(unary()).rejects.toMatchObject({ code: 'INTERNAL' });
  }
  answer = answering([message('one'), message('two').subarray(0, 6)], ok);
  await expect(streamed()).rejects.toMatchObject({ code: 'INTERNAL' });
});

test('a length that no message has is refused before its bytes come', async () => {
  answer = (stream) => {
    stream.respond(grpc);
    stream.write(Buffer.from([0, 255, 255, 255, 255, 1]));
  };
  await expect(unary()).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  await expect(streamed()).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
});

test('an answer that ends without a status was lost', async () => {
  answer = answering([message('one')], undefined);
  const lost = { code: 'UNAVAILABLE', reason: connectionLost };
  await expect(unary()).rejects.toMatchObject(lost);
  await expect(streamed()).rejects.toMatchObject(lost);
});

test('what is not gRPC fails as its HTTP status says', async () => {
  for (const [status, code] of [
    [400, 'INTERNAL'],
    [401, 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'UNIMPLEMENTED'],
    [429, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
    [418, 'UNKNOWN'],
    [200, 'UNKNOWN'],
  ] as const) {
    answer = (stream) => {
      stream.respond({ ':status': status, 'content-type': 'text/html' });
      stream.end('<h1>not here</h1>');
    };
    await expect(unary()).rejects.toMatchObject({ code, reason: `HTTP_${status}` });
    await expect(streamed()).rejects.toMatchObject({ code });
  }
});

test('a status without a message is one, percent-decoded, whatever else it holds', async () => {
  const only = (headers: Record<string, string>): void => {
    answer = (stream) => stream.respond({ ...grpc, ...headers }, { endStream: true });
  };
  only({ 'grpc-status': '5', 'grpc-message': 'K%C3%A4se 100%, %zz' });
  await expect(unary()).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'Käse 100%, %zz' });
  const { headers, trailers, messages } = connection.serverStream(attempt());
  await expect(collect(messages)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(headers).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(trailers).rejects.toMatchObject({ code: 'NOT_FOUND' });
  for (const status of ['17', '-1', 'x', '']) {
    only({ 'grpc-status': status, 'grpc-status-details-bin': '!' });
    await expect(unary()).rejects.toMatchObject({ code: 'UNKNOWN' });
  }
  only(ok);
  expect(await streamed()).toEqual([]);
  await expect(unary()).rejects.toMatchObject({ code: 'INTERNAL', reason: 'NO_MESSAGE' });
});

test('a failure after messages comes after all of them', async () => {
  answer = answering([message('one'), message('two')], { 'grpc-status': '10' });
  const read: string[] = [];
  const { messages, headers } = connection.serverStream(attempt());
  await headers;
  await expect(
    (async () => {
      for await (const each of messages) read.push(Buffer.from(each).toString());
    })(),
  ).rejects.toMatchObject({ code: 'ABORTED' });
  expect(read).toEqual(['one', 'two']);
});

test('a stream that is reset fails as gRPC over HTTP/2 says', async () => {
  for (const [rst, code, reason] of [
    [0, 'UNAVAILABLE', connectionLost],
    [1, 'INTERNAL', 'STREAM_RESET'],
    [2, 'INTERNAL', 'STREAM_RESET'],
    [7, 'UNAVAILABLE', streamRefused],
    [8, 'CANCELLED', 'STREAM_RESET'],
    [11, 'RESOURCE_EXHAUSTED', 'STREAM_RESET'],
    [12, 'PERMISSION_DENIED', 'STREAM_RESET'],
  ] as const) {
    answer = (stream) => stream.close(rst);
    await expect(unary()).rejects.toMatchObject({ code, reason });
    await expect(streamed()).rejects.toMatchObject({ code, reason });
    await expect(connection.serverStream(attempt()).headers).rejects.toMatchObject({ code });
  }
});

test('an upstream that has answered takes no more requests', async () => {
  answer = answering([message('enough')], ok);
  let pulled = 0;
  async function* endless(): AsyncGenerator<Uint8Array, undefined> {
    for (;;) {
      pulled += 1;
      yield Buffer.alloc(100_000);
    }
  }
  const { request: _, ...rest } = attempt();
  const { messages } = connection.clientStream({ ...rest, requests: endless() });
  expect((await collect(messages)).map(String)).toEqual(
    [String([...Buffer.from('enough')])].map(() => 'enough'),
  );
  const before = pulled;
  answer = answering([message('x')], ok);
  await unary();
  expect(pulled).toBeLessThanOrEqual(before + 1);
});

test('headers of the connection cannot be set, nor break a request', async () => {
  const seen = Promise.withResolvers<Record<string, unknown>>();
  server.once('stream', (_, headers) => seen.resolve(headers));
  answer = answering([message('x')], ok);
  const own = ['connection', 'transfer-encoding', 'te', 'grpc-timeout', 'content-type', 'host'];
  const metadata = [...own.flatMap((name) => [name, 'other']), 'x-kept', 'yes'];
  await connection.unary({ ...attempt(), metadata });
  const headers = await seen.promise;
  expect(headers).toMatchObject({ te: 'trailers', 'content-type': 'application/grpc', 'x-kept': 'yes' });
  expect(headers['user-agent']).toMatch(/^weft\/\d/);
  expect(headers['grpc-timeout']).toMatch(/^\d+m$/);
  expect(headers['connection']).toBeUndefined();
});
