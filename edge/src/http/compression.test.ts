import { randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync, deflateSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { json, send } from '../testing/http.ts';
import { limits, startLibrary, type Library } from '../testing/library.ts';
import { rulesFixture } from '../testing/rules.ts';
import { wantsGzip } from './compression.ts';

let library: Library;
beforeAll(async () => {
  library = await startLibrary({}, rulesFixture());
});
afterAll(() => library.stop());

const long = { text: 'abc', times: 1_000 };
const speak = (body: object, headers: Record<string, string> = {}) =>
  send(library.url, 'POST', '/speak', json(body, headers));

test.each([
  [undefined, 'no'],
  ['', 'no'],
  ['gzip', 'yes'],
  ['x-gzip', 'yes'],
  ['GZIP', 'yes'],
  ['gzip, deflate, br, zstd', 'yes'],
  ['gzip;q=0.5', 'yes'],
  ['gzip;q=0', 'no'],
  ['gzip;q=0, *', 'no'],
  ['*', 'yes'],
  ['*;q=0', 'no'],
  ['br', 'no'],
  ['identity', 'no'],
  ['gzip;q=0.5, identity', 'no'],
  ['gzip;q=0.5, identity;q=0.5', 'yes'],
  ['gzip, identity;q=0', 'always'],
  ['gzip, *;q=0', 'always'],
  ['identity;q=0', 'no'],
])('RFC 9110, 12.5.3: Accept-Encoding %s asks for gzip: %s', (header, answer) => {
  expect(wantsGzip(header)).toBe(answer);
});

test('an answer of some length is compressed where the client wants it, and says what it depends on', async () => {
  const plain = await speak(long);
  const packed = await speak(long, { 'accept-encoding': 'gzip' });
  expect([plain.headers['content-encoding'], plain.headers['vary']]).toEqual([undefined, 'Accept-Encoding']);
  expect([packed.headers['content-encoding'], packed.headers['vary']]).toEqual(['gzip', 'Accept-Encoding']);
  expect(gunzipSync(packed.bytes).toString()).toBe(plain.text);
  expect(packed.headers['content-length']).toBe(String(packed.bytes.length));
});

test.each<[string, object, Record<string, string>, string | undefined]>([
  ['a short one', { text: 'abc' }, {}, undefined],
  [
    'a short one, where nothing else is taken',
    { text: 'abc' },
    { 'accept-encoding': 'gzip, identity;q=0' },
    'gzip',
  ],
  ['one that must not be changed', { ...long, metadata: { 'cache-control': 'no-transform' } }, {}, undefined],
])('%s', async (_, body, headers, coding) => {
  const answer = await speak(body, { 'accept-encoding': 'gzip', ...headers });
  expect(answer.headers['content-encoding']).toBe(coding);
});

test('RFC 9110, 8.8.3: a strong etag is weak once its answer is compressed', async () => {
  const etag = async (value: string, coding: string) =>
    (await speak({ ...long, metadata: { etag: value } }, { 'accept-encoding': coding })).headers['etag'];
  expect(await etag('"a"', 'gzip')).toBe('W/"a"');
  expect(await etag('W/"a"', 'gzip')).toBe('W/"a"');
  expect(await etag('"a"', 'identity')).toBe('"a"');
});

test('streams are not compressed, so that each message can go out at once', async () => {
  const answer = await send(library.url, 'GET', '/recite?text=abc&times=1000&count=2', {
    headers: { 'accept-encoding': 'gzip' },
  });
  expect(answer.headers['content-encoding']).toBeUndefined();
});

test('trailers follow a compressed answer too', async () => {
  const answer = await speak(
    { ...long, trailers: { 'x-cost': '5' } },
    { 'accept-encoding': 'gzip', te: 'trailers' },
  );
  expect([answer.trailers, gunzipSync(answer.bytes).length]).toEqual([{ 'x-cost': '5' }, 3_011]);
});

const put = (body: Uint8Array, coding: string, headers: Record<string, string> = {}) =>
  send(library.url, 'PUT', '/body/all', json(body, { 'content-encoding': coding, ...headers }));
const text = JSON.stringify({ aString: 'a'.repeat(1_000) });

test.each(['gzip', 'x-gzip', 'GZip'])('a body may be compressed with %s', async (coding) => {
  expect((await put(gzipSync(text), coding)).text).toBe(text);
  expect((await put(gzipSync(text), coding, { 'transfer-encoding': 'chunked' })).text).toBe(text);
});

test.each<[string, Uint8Array, string, number, string]>([
  ['another coding', deflateSync(text), 'deflate', 415, 'the body may be encoded as gzip alone'],
  ['two codings', gzipSync(gzipSync(text)), 'gzip, gzip', 415, 'the body may be encoded as gzip alone'],
  ['no gzip', Buffer.from(text), 'gzip', 400, 'the body is not valid gzip'],
  ['gzip that is cut off', gzipSync(text).subarray(0, -9), 'gzip', 400, 'the body is not valid gzip'],
  ['nothing as gzip', Buffer.alloc(1), 'gzip', 400, 'the body is not valid gzip'],
  [
    'what is too long when decompressed',
    gzipSync(Buffer.alloc(limits.decompressedBytes + 1, 0x20)),
    'gzip',
    413,
    `the body is larger than ${limits.decompressedBytes} bytes when decompressed`,
  ],
  [
    'what is too long as it is',
    gzipSync(randomBytes(limits.requestBytes)),
    'gzip',
    413,
    `the body is larger than ${limits.requestBytes} bytes`,
  ],
])('a compressed body is refused: %s', async (_, body, coding, status, message) => {
  const answer = await put(body, coding);
  expect([answer.status, answer.json.error.message]).toEqual([status, message]);
  // RFC 9110, 15.5.16: what would do.
  expect(answer.headers['accept-encoding']).toBe(status === 415 ? 'gzip, identity' : undefined);
});

test('a bomb is stopped early: memory stays flat', async () => {
  // 60 kB that would be 60 MB.
  const bomb = gzipSync(Buffer.alloc(60 * 1024 * 1024));
  expect(bomb.length).toBeLessThan(limits.requestBytes);
  const before = process.memoryUsage();
  const answers = await Promise.all(Array.from({ length: 20 }, () => put(bomb, 'gzip')));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([413]));
  const after = process.memoryUsage();
  expect(after.external + after.arrayBuffers - before.external - before.arrayBuffers).toBeLessThan(
    64 * 1024 * 1024,
  );
});
