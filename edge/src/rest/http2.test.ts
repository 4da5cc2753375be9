import { once } from 'node:events';
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { limits, startLibrary, type Library } from '../testing/library.ts';
import { rulesFixture } from '../testing/rules.ts';

let library: Library;
let session: ClientHttp2Session;
beforeAll(async () => {
  library = await startLibrary({}, rulesFixture());
  session = connect(library.url);
});
afterAll(async () => {
  session.close();
  await library.stop();
});

interface Got {
  readonly headers: IncomingHttpHeaders & { ':status'?: number };
  readonly trailers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

async function send(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string | Buffer,
): Promise<Got> {
  const stream = session.request(
    { ':method': method, ':path': path, ...headers },
    { endStream: body === undefined },
  );
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (sent) => (trailers = sent));
  if (body !== undefined) stream.end(body);
  const [got] = (await once(stream, 'response')) as [Got['headers']];
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { headers: got, trailers, bytes: Buffer.concat(chunks) };
}

const type = { 'content-type': 'application/json' };

test('REST over HTTP/2: a body without a length, its answer compressed, with trailers', async () => {
  const body = JSON.stringify({ text: 'abc', times: 1_000, trailers: { 'x-cost': '5' } });
  const answer = await send('POST', '/speak', { ...type, te: 'trailers', 'accept-encoding': 'gzip' }, body);
  expect(answer.headers).toMatchObject({ ':status': 200, 'content-encoding': 'gzip', trailer: 'x-cost' });
  expect([gunzipSync(answer.bytes).length, answer.trailers['x-cost']]).toEqual([3_011, '5']);
});

test('REST over HTTP/2: a body that is not there, one that is too long, and HEAD', async () => {
  const none = await send('PUT', '/body/all');
  expect([none.headers[':status'], none.bytes.toString()]).toEqual([200, '{}']);
  const long = await send('PUT', '/body/all', type, Buffer.alloc(limits.requestBytes + 1, 0x20));
  expect(long.headers[':status']).toBe(413);
  const head = await send('HEAD', '/speak?text=abc');
  expect([head.headers[':status'], head.headers['content-length'], head.bytes.length]).toEqual([
    200,
    '14',
    0,
  ]);
});

test('REST over HTTP/2: a stream of requests is answered as it comes', async () => {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/mirror',
    'content-type': 'application/x-ndjson',
    accept: 'application/x-ndjson',
  });
  stream.write('{"inner":{"name":"a"}}\n');
  const [headers] = (await once(stream, 'response')) as [Got['headers']];
  expect(headers[':status']).toBe(200);
  const texts = stream[Symbol.asyncIterator]();
  expect(String((await texts.next()).value)).toBe('{"name":"a"}\n');
  stream.write('{"inner":{"name":"b"}}\n');
  expect(String((await texts.next()).value)).toBe('{"name":"b"}\n');
  stream.end();
  expect((await texts.next()).done).toBe(true);
});

test('REST over HTTP/2: a JSON array that breaks off resets its stream alone', async () => {
  const stream = session.request({ ':path': '/recite?text=a&count=1&failCode=9' });
  await once(stream, 'response');
  let text = '';
  const broken = async () => {
    for await (const chunk of stream) text += String(chunk);
  };
  await expect(broken()).rejects.toThrow('NGHTTP2_INTERNAL_ERROR');
  expect(text).toBe('[{"text":"a"}');
  expect((await send('GET', '/speak?text=a')).headers[':status']).toBe(200);
});
