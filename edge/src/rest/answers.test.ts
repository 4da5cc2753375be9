import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { json, send } from '../testing/http.ts';
import { startLibrary, type Library } from '../testing/library.ts';
import { rulesFixture } from '../testing/rules.ts';

let library: Library;
let full: Library;
beforeAll(async () => {
  const fixture = rulesFixture();
  [library, full] = await Promise.all([
    startLibrary({}, fixture),
    startLibrary({ emitDefaults: true }, fixture),
  ]);
});
afterAll(() => Promise.all([library.stop(), full.stop()]));

test.each<[string, string, unknown, string]>([
  ['a map', 'labels', { labels: { a: 'b' } }, '{"a":"b"}'],
  ['a map that is empty', 'labels', {}, '{}'],
  ['a list', 'ints', { ints: [1, 2] }, '[1,2]'],
  ['a list that is empty', 'ints', {}, '[]'],
  ['an int64', 'long', { anInt64: '9007199254740993' }, '"9007199254740993"'],
  ['an int64 that is not set', 'long', {}, '"0"'],
  ['a string', 'string', { aString: 'a"b' }, '"a\\"b"'],
  ['a string that is not set', 'string', {}, '""'],
  ['an enum', 'enum', { color: 'BLUE' }, '"BLUE"'],
  ['an enum that is not set', 'enum', {}, '"COLOR_UNSPECIFIED"'],
  ['a Struct', 'struct', { struct: { a: [1] } }, '{"a":[1]}'],
  ['a message', 'inner', { inner: { name: 'n' } }, '{"name":"n"}'],
  ['a message that is not set', 'inner', {}, 'null'],
])('http.proto, response_body: %s', async (_, path, body, text) => {
  const answer = await send(library.url, 'POST', `/answer/${path}`, json(body));
  expect([answer.status, answer.text]).toEqual([200, text]);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    'x-content-type-options': 'nosniff',
  });
});

test('ProtoJSON: int64 as text, float32 in its own shortest form, names in lowerCamelCase', async () => {
  const body = { anInt64: 5, aUint64: '18446744073709551615', aFloat: 0.1, aDouble: 0.1, a_fixed32: 7 };
  const answer = await send(library.url, 'PUT', '/body/all', json(body));
  expect(answer.text).toBe(
    '{"aDouble":0.1,"aFloat":0.1,"anInt64":"5","aUint64":"18446744073709551615","aFixed32":7}',
  );
});

test('fields without presence are printed at zero where that is on, those with presence never', async () => {
  const { text } = await send(full.url, 'PUT', '/body/all', json({ maybeInt: 0 }));
  const got = JSON.parse(text) as Record<string, unknown>;
  expect(got).toMatchObject({
    aDouble: 0,
    anInt64: '0',
    aBool: false,
    aString: '',
    someBytes: '',
    ints: [],
    labels: {},
    color: 'COLOR_UNSPECIFIED',
    maybeInt: 0,
  });
  for (const name of ['maybeString', 'inner', 'time', 'longWrapper', 'oneString', 'value', 'any', 'empty'])
    expect(got).not.toHaveProperty(name);
});

test('RFC 9110, 9.3.2: HEAD answers the headers of GET, and nothing of a stream', async () => {
  const get = await send(library.url, 'GET', '/speak?text=abc&times=1000');
  for (const headers of [{}, { 'accept-encoding': 'gzip' }] as Record<string, string>[]) {
    const head = await send(library.url, 'HEAD', '/speak?text=abc&times=1000', { headers });
    const same =
      headers['accept-encoding'] === undefined
        ? get
        : await send(library.url, 'GET', '/speak?text=abc&times=1000', { headers });
    const { date: _, 'x-request-id': __, connection: ___, ...rest } = same.headers;
    expect([head.status, head.text, head.headers]).toMatchObject([200, '', rest]);
  }
  const stream = await send(library.url, 'HEAD', '/recite?count=1&hold=true', {
    headers: { accept: 'text/event-stream' },
  });
  expect([stream.status, stream.text, stream.headers['content-type']]).toEqual([
    200,
    '',
    'text/event-stream',
  ]);
});
