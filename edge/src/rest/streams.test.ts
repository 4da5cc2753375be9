import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Metadata } from '@grpc/grpc-js';
import { answerStream, type StreamAnswerOptions } from './stream-answer.ts';
import { streamFormat } from './stream-format.ts';
import { raw, send } from '../testing/http.ts';
import { limits, quiet, startLibrary, type Library } from '../testing/library.ts';
import { rulesFixture } from '../testing/rules.ts';

let library: Library;
let rules: Library;
beforeAll(async () => {
  [library, rules] = await Promise.all([startLibrary(), startLibrary({}, rulesFixture())]);
});
afterAll(() => Promise.all([library.stop(), rules.stop()]));

const watch = (query: string, accept?: string) =>
  send(library.url, 'GET', `/v1/books:watch?${query}`, { headers: accept === undefined ? {} : { accept } });

test.each([
  [undefined, 'application/json'],
  ['*/*', 'application/json'],
  ['text/html', 'application/json'],
  ['application/x-ndjson', 'application/x-ndjson'],
  ['application/jsonl', 'application/x-ndjson'],
  ['text/event-stream, application/json;q=0.5', 'text/event-stream'],
  ['text/event-stream;q=0.1, Application/JSON;q=0.5', 'application/json'],
  ['text/event-stream;q=0', 'application/json'],
  ['application/json;q=0.1, text/event-stream', 'text/event-stream'],
  ['text/event-stream, */*', 'text/event-stream'],
  ['text/event-stream;q=0.5, */*', 'application/json'],
  ['text/*', 'text/event-stream'],
  ['application/*', 'application/json'],
  ['application/json;q=0, */*', 'application/x-ndjson'],
  ['application/x-ndjson, text/event-stream', 'application/x-ndjson'],
  ['text/event-stream, application/x-ndjson', 'text/event-stream'],
  ['text/event-stream;q=2', 'application/json'],
  ['image/png', 'application/json'],
  ['', 'application/json'],
])('RFC 9110, 12.5.1: Accept %s chooses %s', (accept, type) => {
  expect(streamFormat(accept).contentType).toBe(type);
});

test('a stream is a JSON array by default', async () => {
  const answer = await watch('count=3');
  expect([answer.headers['content-type'], answer.json]).toEqual([
    'application/json',
    ['0', '1', '2'].map((id) => ({ id, title: 't' })),
  ]);
  expect((await watch('count=0')).text).toBe('[]');
});

test('a stream is one message a line as NDJSON', async () => {
  const answer = await watch('count=2', 'application/x-ndjson');
  expect(answer.text).toBe('{"id":"0","title":"t"}\n{"id":"1","title":"t"}\n');
  expect((await watch('count=0', 'application/x-ndjson')).text).toBe('');
});

test('a stream is server-sent events, with a sign of life while it is quiet', async () => {
  const answer = await watch('count=2', 'text/event-stream');
  expect([answer.headers['cache-control'], answer.text]).toEqual([
    'no-cache',
    'data: {"id":"0","title":"t"}\n\ndata: {"id":"1","title":"t"}\n\n',
  ]);
  const cancelled = library.nextCancel();
  const response = await fetch(`${library.url}/v1/books:watch?count=1&failCode=${quiet}`, {
    headers: { accept: 'text/event-stream' },
  });
  let text = '';
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    if (text.includes(':\n\n')) break;
  }
  expect(text).toBe('data: {"id":"0","title":"t"}\n\n:\n\n');
  await cancelled;
});

test('an error before the first message is an ordinary answer', async () => {
  const answer = await watch('count=0&failCode=5', 'text/event-stream');
  expect([answer.status, answer.json.error.status]).toEqual([404, 'NOT_FOUND']);
});

test('an error in the middle is the last line, the last event, or leaves the array open', async () => {
  const lines = (await watch('count=1&failCode=9', 'application/x-ndjson')).text.trim().split('\n');
  expect(JSON.parse(lines[1] ?? '').error).toMatchObject({
    status: 'FAILED_PRECONDITION',
    message: 'the stream broke',
  });
  const events = (await watch('count=1&failCode=9', 'text/event-stream')).text.split('\n\n');
  expect(events[1]).toMatch(/^event: error\ndata: \{"error":\{"code":400,"message":"the stream broke"/);
  const array = await raw(library.port, 'GET /v1/books:watch?count=1&failCode=9 HTTP/1.1\r\nhost: x\r\n\r\n');
  expect(array).toContain('[{"id":"0","title":"t"}');
  // Neither the array's end nor that of the chunked body.
  expect(array).not.toMatch(/\]|\r\n0\r\n\r\n$/);
});

test('each message arrives before the next one exists', async () => {
  const cancelled = library.nextCancel();
  const response = await fetch(`${library.url}/v1/books:watch?count=1&failCode=${quiet}`);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  expect(Buffer.from(value ?? []).toString()).toBe('[{"id":"0","title":"t"}');
  await reader.cancel();
  await cancelled;
});

test('a client that leaves cancels the stream upstream', async () => {
  const cancelled = library.nextCancel();
  const controller = new AbortController();
  const response = await fetch(`${library.url}/v1/books:watch?endless=true&titleLength=10000`, {
    signal: controller.signal,
  });
  await (response.body as ReadableStream<Uint8Array>).getReader().read();
  controller.abort();
  await cancelled;
});

test('a client that does not read holds the upstream back, and is cut off in the end', async () => {
  const cancelled = library.nextCancel();
  const before = library.produced();
  const socket = connect(library.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  socket.write('GET /v1/books:watch?endless=true&titleLength=100000 HTTP/1.1\r\nhost: x\r\n\r\n');
  const startedAt = Date.now();
  await cancelled;
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(limits.slowClientMs);
  // 100 kB each: socket buffers and windows on the way take some, memory does not take the rest.
  expect(library.produced() - before).toBeLessThan(200);
  socket.destroy();
});

test('a hundred streams at once each get all of theirs', async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => watch('count=50&titleLength=100', 'application/x-ndjson')),
  );
  for (const { text } of answers) expect(text.trim().split('\n')).toHaveLength(50);
});

test('the headers go out when the upstream begins to answer, not with its first message', async () => {
  for (const accept of ['application/json', 'application/x-ndjson', 'text/event-stream']) {
    const response = await fetch(`${rules.url}/recite?hold=true`, { headers: { accept } });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, accept]);
    await response.body?.cancel();
  }
});

test('a failure on the heels of the beginning is an ordinary answer', async () => {
  const stream = {
    headers: Promise.resolve(new Metadata()),
    trailers: new Promise<Metadata>(() => undefined),
    async *messages(): AsyncGenerator<Uint8Array> {
      await new Promise(setImmediate);
      yield* [];
      throw new Error('nothing there');
    },
  };
  const response = { headersSent: false } as ServerResponse;
  const answer = answerStream(response, { ...stream, messages: stream.messages() }, {
    format: streamFormat('application/json'),
  } as StreamAnswerOptions);
  await expect(answer).rejects.toThrow('nothing there');
});

test('a stream varies by what its client accepts, and is kept by no cache', async () => {
  const { headers } = await watch('count=1');
  expect(headers).toMatchObject({ vary: 'Accept', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' });
});
