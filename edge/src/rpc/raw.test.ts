import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import type { ClientHttp2Session } from 'node:http2';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { answerOf, openHttp2, request2 } from '../testing/http2.ts';
import { send } from '../testing/http.ts';
import { limits, startLibrary, type Library } from '../testing/library.ts';
import { decodeBase64Chunks } from './base64-chunks.ts';
import { envelope, readEnvelopes } from './envelope.ts';
import { percentEncode } from './rpc-error.ts';

let library: Library;
let session: ClientHttp2Session;
beforeAll(async () => {
  library = await startLibrary();
  session = openHttp2(library.url);
});
afterAll(async () => {
  session.destroy();
  await library.stop();
});

/** GetBookRequest{id: "7"}, Book{id: "7"} */
const seven = Buffer.from([0x12, 1, 0x37]);
const book = Buffer.from([0x0a, 1, 0x37]);
const getBook = '/acme.v1.Library/GetBook';
const upload = '/acme.v1.Library/UploadBooks';
const frame = (data: Uint8Array, flags = 0) => envelope(flags, data);

const post = (path: string, type: string, body: Uint8Array | string, headers: Record<string, string> = {}) =>
  request2(session, { ':method': 'POST', ':path': path, 'content-type': type, ...headers }, body);

const long = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]);
const bomb = gzipSync(Buffer.alloc(10 * limits.requestBytes));

test.each<[string, Buffer, Record<string, string>, number, RegExp]>([
  ['no message', Buffer.alloc(0), {}, 12, /got no message/],
  ['two messages', Buffer.concat([frame(seven), frame(seven)]), {}, 12, /got more than one/],
  ['a message that is cut', frame(seven).subarray(0, 6), {}, 3, /ends inside a message/],
  ['garbage behind the message', Buffer.concat([frame(seven), Buffer.from([1])]), {}, 3, /ends inside/],
  ['a length beyond the limit', long, {}, 8, /larger than 65536 bytes/],
  ['flags that are none', frame(seven, 2), {}, 3, /flags 2/],
  ['a flag without a coding', frame(gzipSync(seven), 1), {}, 13, /no header says how/],
  ['what is no gzip', frame(seven, 1), { 'grpc-encoding': 'gzip' }, 3, /not valid gzip/],
  ['a bomb', frame(bomb, 1), { 'grpc-encoding': 'gzip' }, 8, /larger than/],
  ['an unknown coding', frame(seven), { 'grpc-encoding': 'br' }, 12, /"br".*gzip, identity/],
  ['a timeout that is none', frame(seven), { 'grpc-timeout': '5' }, 3, /grpc-timeout/],
  ['a timeout that is over', frame(seven), { 'grpc-timeout': '1n' }, 4, /time|deadline/],
])('gRPC: %s', async (_, body, headers, status, message) => {
  const answer = await post(getBook, 'application/grpc', body, headers);
  // Trailers-Only: the headers are all there is.
  expect([answer.status, answer.headers['grpc-status'], answer.body.length]).toEqual([
    200,
    String(status),
    0,
  ]);
  expect(decodeURIComponent(String(answer.headers['grpc-message']))).toMatch(message);
  expect(answer.headers['content-type']).toBe('application/grpc');
});

test('gRPC: a message in any pieces, and one that is empty and said to be compressed', async () => {
  const whole = await post(getBook, 'application/grpc+proto', frame(seven));
  expect([whole.headers['content-type'], whole.body, whole.trailers['grpc-status']]).toEqual([
    'application/grpc+proto',
    frame(book),
    '0',
  ]);
  const empty = await post(getBook, 'application/grpc', frame(Buffer.alloc(0), 1), {
    'grpc-encoding': 'gzip',
  });
  expect([empty.body, empty.trailers['grpc-status']]).toEqual([frame(Buffer.alloc(0)), '0']);
  const stream = session.request({ ':method': 'POST', ':path': getBook, 'content-type': 'application/grpc' });
  for (const byte of frame(seven)) stream.write(Buffer.from([byte]));
  stream.end();
  const bytes: Buffer[] = [];
  for await (const chunk of stream) bytes.push(chunk as Buffer);
  expect(Buffer.concat(bytes)).toEqual(frame(book));
});

test.each([
  ['at once', ''],
  ['in the middle', '{"text":"a"}'],
])('gRPC: an error %s, before the request has ended, lets go of the request', async (when, heard) => {
  const headers = {
    ':method': 'POST',
    ':path': '/acme.v1.Library/Chat',
    'content-type': 'application/grpc+json',
  };
  const stream = session.request(headers);
  const answer = answerOf(stream);
  const breakOff = () => stream.write(frame(Buffer.from('7')));
  if (when === 'at once') breakOff();
  else stream.once('data', breakOff).write(frame(Buffer.from('{"text":"a","replies":1}')));
  const { rstCode, body, headers: head, trailers } = await answer;
  expect([head['grpc-status'] ?? trailers['grpc-status'], body.subarray(5).toString(), rstCode]).toEqual([
    '3',
    heard,
    0,
  ]);
});

test('gRPC: a request that is refused while its body is on its way may end by itself', async () => {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/acme.v1.Library/Nothing',
    'content-type': 'application/grpc',
  });
  const answer = answerOf(stream);
  await once(stream, 'response');
  // What the edge sent right behind its answer is here before this.
  await new Promise((resolve) => session.ping(resolve));
  expect(stream.closed).toBe(false);
  stream.end(frame(seven));
  const { headers, rstCode } = await answer;
  expect([headers['grpc-status'], rstCode]).toEqual(['12', 0]);
});

test.each([
  ['GET', 'application/grpc', 405],
  ['PUT', 'application/grpc-web', 405],
  ['POST', 'application/grpc+thrift', 415],
  ['POST', 'application/grpc-web+xml', 415],
  ['POST', 'application/connect+xml', 415],
  ['POST', 'application/connect+proto', 415],
  ['POST', 'application/x-www-form-urlencoded', 415],
  ['POST', 'application/json; charset=latin1', 415],
  ['DELETE', 'application/json', 405],
])('%s of %s at a unary method is %d', async (httpMethod, type, status) => {
  const headers = { ':method': httpMethod, ':path': getBook, 'content-type': type };
  const answer = await request2(session, headers, httpMethod === 'POST' ? 'x' : undefined);
  expect(answer.status).toBe(status);
  expect(answer.headers[status === 405 ? 'allow' : 'accept-post']).toMatch(/POST|application\/proto/);
});

test('gRPC over HTTP/1.1 is told what would do', async () => {
  const headers = { 'content-type': 'application/grpc' };
  const answer = await send(library.url, 'POST', getBook, { headers, body: frame(seven) });
  expect([answer.status, answer.text]).toEqual([
    415,
    'gRPC needs HTTP/2: over HTTP/1.1 use gRPC-Web or Connect\n',
  ]);
  expect(answer.headers['accept-post']).not.toMatch(/grpc(,|\+|$)/);
});

test('gRPC-Web as text: in pieces of base64 that end anywhere, and out the same', async () => {
  const body = [...frame(seven)].map((byte) => Buffer.from([byte]).toString('base64')).join('');
  const answer = await send(library.url, 'POST', getBook, {
    headers: { 'content-type': 'application/grpc-web-text' },
    body,
  });
  expect(answer.headers['content-type']).toBe('application/grpc-web-text');
  const [message = '', end = ''] = answer.text.split(/(?<==)(?=g)/);
  expect(Buffer.from(message, 'base64')).toEqual(frame(book));
  expect(Buffer.from(end, 'base64').subarray(5).toString()).toBe('grpc-status: 0\r\n');
  const bad = await send(library.url, 'POST', getBook, {
    headers: { 'content-type': 'application/grpc-web-text' },
    body: '!!!!',
  });
  expect([bad.status, bad.headers['grpc-status'], bad.text]).toEqual([200, '3', '']);
});

test.each<[string, string, number, string]>([
  ['a message', '?connect=v1&encoding=json&message=%7B%22id%22%3A%227%22%7D', 200, '{"id":"7"}'],
  ['any order, other parameters', '?message=%7B%7D&x=1&encoding=json', 200, '{}'],
  ['base64 with padding', '?encoding=json&base64=1&message=eyJpZCI6IjcifQ%3D%3D', 200, '{"id":"7"}'],
  [
    'gzip',
    `?encoding=json&base64=1&compression=gzip&message=${gzipSync('{"id":"7"}').toString('base64url')}`,
    200,
    '{"id":"7"}',
  ],
  ['another version', '?connect=v2&encoding=json&message=%7B%7D', 400, 'version \\"v1\\"'],
  ['no encoding', '?message=%7B%7D', 400, 'no \\"encoding\\"'],
  ['no message', '?encoding=json', 400, 'no \\"message\\"'],
  ['an unknown codec', '?encoding=xml&message=%7B%7D', 415, 'unknown "encoding"'],
  ['an unknown coding', '?encoding=json&compression=br&message=%7B%7D', 501, 'gzip, identity'],
  ['what is no base64', '?encoding=json&base64=1&message=%21', 400, 'not base64'],
  ['a bad escape', '?encoding=json&message=%7', 400, 'percent-encoded'],
  ['what is no message', '?encoding=json&message=7', 400, '"code":"invalid_argument"'],
])('Connect by GET: %s', async (_, query, status, text) => {
  const answer = await send(library.url, 'GET', getBook + query);
  expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(text)]);
});

test('Connect: GET is for methods without side effects; HEAD and OPTIONS are answered too', async () => {
  const echo = await send(library.url, 'GET', '/acme.v1.Library/Echo?encoding=json&message=%7B%7D');
  expect([echo.status, echo.headers['allow']]).toEqual([405, 'POST']);
  const head = await send(library.url, 'HEAD', `${getBook}?encoding=json&message=%7B%22id%22%3A%227%22%7D`);
  expect([head.status, head.headers['content-length'], head.text]).toEqual([200, '10', '']);
  const options = await send(library.url, 'OPTIONS', getBook);
  expect([options.status, options.headers['allow']]).toEqual([204, 'GET, HEAD, POST, OPTIONS']);
});

test.each<[string, string, Record<string, string>, number, object]>([
  ['JSON with an unknown field', '{"id":"7","nope":1}', {}, 200, { id: '7' }],
  ['no JSON', '{', {}, 400, { code: 'invalid_argument' }],
  ['another version', '{}', { 'connect-protocol-version': '2' }, 400, { code: 'invalid_argument' }],
  ['a timeout that is none', '{}', { 'connect-timeout-ms': '1s' }, 400, { code: 'invalid_argument' }],
  ['an unknown coding', '{}', { 'content-encoding': 'br' }, 501, { code: 'unimplemented' }],
  ['too large', ' '.repeat(70_000), {}, 429, { code: 'resource_exhausted' }],
  ['a token that is none', '{}', { authorization: 'Basic x' }, 200, {}],
])('Connect: %s', async (_, body, headers, status, expected) => {
  const answer = await send(library.url, 'POST', getBook, {
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  expect([answer.status, answer.json]).toMatchObject([status, expected]);
});

test('Connect: an error names its details without padding, and a 401 its scheme', async () => {
  const answer = await send(library.url, 'POST', '/acme.v1.Library/CreateBook', {
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: '{}',
  });
  const body = answer.json as unknown as { code: string; details: { type: string; value: string }[] };
  expect([answer.status, body.code, answer.headers['www-authenticate']]).toEqual([
    401,
    'unauthenticated',
    expect.stringContaining('Bearer'),
  ]);
  expect(body.details[0]).toEqual({ type: 'google.rpc.ErrorInfo', value: expect.not.stringMatching(/=/) });
});

test('Connect: an answer is compressed for whoever takes that, above a size', async () => {
  const body = JSON.stringify({ id: '7', name: 'x'.repeat(5_000) });
  const ask = (accept: Record<string, string>) =>
    send(library.url, 'POST', getBook, { headers: { 'content-type': 'application/json', ...accept }, body });
  const plain = await ask({});
  const small = await ask({ 'accept-encoding': 'br, gzip' });
  expect(plain.headers['content-encoding']).toBeUndefined();
  expect(small.headers['content-encoding']).toBe('gzip');
  expect(Number(small.headers['content-length'])).toBeLessThan(200);
  expect((await ask({ 'accept-encoding': 'gzip;q=0' })).headers['content-encoding']).toBeUndefined();
});

test('a Connect stream says what is wrong in its last frame', async () => {
  const answer = await post(upload, 'application/connect+json', frame(Buffer.from('{"book":7}')));
  expect([answer.status, answer.headers['content-type'], answer.body[0]]).toEqual([
    200,
    'application/connect+json',
    2,
  ]);
  const { error } = JSON.parse(answer.body.subarray(5).toString()) as { error: Record<string, string> };
  expect([error['code'], error['message']]).toEqual(['invalid_argument', expect.stringContaining('book')]);
  const ended = await post(upload, 'application/connect+json', frame(Buffer.from('{}'), 2));
  expect(ended.body.toString()).toContain('invalid_argument');
});

test.each([
  ['plain text', 'plain text'],
  ['100%', '100%25'],
  ['é\n😀', '%C3%A9%0A%F0%9F%98%80'],
])('the message %j is sent as %s', (text, encoded) => {
  expect(percentEncode(text)).toBe(encoded);
});

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

test('frames and base64 are read the same in pieces of any size', async () => {
  const body = Buffer.concat([frame(seven), frame(Buffer.alloc(0)), frame(Buffer.alloc(300, 1))]);
  const text = Buffer.from(`${body.subarray(0, 4).toString('base64')}${body.subarray(4).toString('base64')}`);
  for (const size of [1, 2, 3, 5, 7, 64, 1_000]) {
    const lengths: number[] = [];
    for await (const { data } of readEnvelopes(inPieces(body, size), 1_000)) lengths.push(data.length);
    expect(lengths).toEqual([3, 0, 300]);
    const decoded: Uint8Array[] = [];
    for await (const piece of decodeBase64Chunks(inPieces(text, size))) decoded.push(piece);
    expect(Buffer.concat(decoded)).toEqual(body);
  }
});
