import { Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { json, send } from '../testing/http.ts';
import { limits, startLibrary, type Library } from '../testing/library.ts';
import { rulesFixture } from '../testing/rules.ts';
import { answerHeaders } from './metadata.ts';

let books: Library;
let rules: Library;
let hurried: Library;
beforeAll(async () => {
  const options = { stripHeaders: ['x-internal', 'grpc-metadata-tenant', 'x-out', 'traceparent'] };
  [books, rules, hurried] = await Promise.all([
    startLibrary(options),
    startLibrary(options, rulesFixture()),
    startLibrary({ limits: { ...limits, maxTimeoutMs: 1_000 } }),
  ]);
});
afterAll(() => Promise.all([books.stop(), rules.stop(), hurried.stop()]));

type Headers = Record<string, string | string[]>;
const inspect = async (headers: Headers) =>
  (await send(books.url, 'GET', '/v1/inspect', { headers })).json.metadata;
const speak = (metadata: object, trailers: object, headers: Record<string, string> = {}) =>
  send(rules.url, 'POST', '/speak', json({ text: 't', metadata, trailers }, headers));

test.each<[string, Headers, Record<string, string | undefined>]>([
  ['`authorization` passes', { authorization: 'Bearer a' }, { authorization: 'Bearer a' }],
  ['`x-*` passes, in lower case', { 'X-Custom': 'a' }, { 'x-custom': 'a' }],
  ['several values stay in order', { 'x-custom': ['a', 'b'] }, { 'x-custom': 'a, b' }],
  ['the prefix is taken off', { 'Grpc-Metadata-Team': 't' }, { team: 't' }],
  [
    'the prefix sets no authorization',
    { 'grpc-metadata-authorization': 'Bearer b' },
    { authorization: undefined },
  ],
  [
    'the prefix sets nothing of the hop',
    { 'grpc-metadata-connection': 'x', 'grpc-metadata-te': 'x' },
    { connection: undefined, te: undefined },
  ],
  ['the prefix sets nothing of gRPC', { 'grpc-metadata-grpc-timeout': '1S' }, { 'grpc-timeout': undefined }],
  [
    'the prefix gets past no proxy',
    { 'grpc-metadata-x-forwarded-for': '1.1.1.1', 'grpc-metadata-forwarded': 'x' },
    { 'x-forwarded-for': undefined, forwarded: undefined },
  ],
  ['`grpc-*` does not pass', { 'grpc-anything': 'x' }, { 'grpc-anything': undefined }],
  [
    'headers of HTTP do not pass',
    { cookie: 'a=b', 'cache-control': 'no-cache', 'if-match': '"x"' },
    { cookie: undefined, 'cache-control': undefined, 'if-match': undefined },
  ],
  ['`-bin` is base64', { 'x-data-bin': 'AQI=' }, { 'x-data-bin': '0102' }],
  ['`-bin` may lack padding, and hold several', { 'x-data-bin': 'AQI, Aw' }, { 'x-data-bin': '0102|03' }],
  ['`-bin` that is no base64 is left out', { 'x-data-bin': 'a?' }, { 'x-data-bin': undefined }],
  ['a value beyond ASCII is left out', { 'x-custom': 'é' }, { 'x-custom': undefined }],
  [
    'what `Connection` names is of this hop',
    { connection: 'keep-alive, X-Hop, authorization', 'x-hop': 'x', authorization: 'Bearer a' },
    { 'x-hop': undefined, authorization: 'Bearer a' },
  ],
  [
    'a name for the operator is left out',
    { 'X-Internal': 'x', 'grpc-metadata-x-internal': 'x', 'grpc-metadata-tenant': 't' },
    { 'x-internal': undefined, tenant: undefined },
  ],
  ['`x-request-id` passes', { 'x-request-id': 'id-1' }, { 'x-request-id': 'id-1' }],
])('Headers: %s', async (_, headers, expected) => {
  const metadata = await inspect(headers);
  for (const [name, value] of Object.entries(expected)) expect([name, metadata[name]]).toEqual([name, value]);
});

// RFC 9110, 8.8, 13 and 15: an upstream may say all this of its answer.
test('metadata of an answer becomes headers under their own names', async () => {
  const metadata = {
    etag: '"e"',
    'cache-control': 'max-age=5',
    location: '/x',
    'content-disposition': 'attachment',
    'set-cookie': 'a=1|b=2',
    'x-data-bin': 'AQI=',
    vary: 'Cookie',
  };
  const { headers } = await speak(metadata, {});
  expect(headers).toMatchObject({ ...metadata, 'set-cookie': ['a=1', 'b=2'] });
});

test('what frames an answer, belongs to a hop, to gRPC, to CORS or to the edge is not passed on', () => {
  const metadata = new Metadata();
  for (const name of [
    'content-length',
    'content-encoding',
    'content-type',
    'transfer-encoding',
    'connection',
    'keep-alive',
    'upgrade',
    'trailer',
    'te',
    'server',
    'date',
    'grpc-anything',
    'access-control-allow-origin',
    'x-content-type-options',
    'x-request-id',
    'x-out',
  ])
    metadata.set(name, 'x');
  metadata.set('x-good', 'y');
  expect(answerHeaders(metadata, new Set(['x-out']))).toEqual({ 'x-good': ['y'] });
});

test("the edge's own headers win over the upstream's", async () => {
  const metadata = {
    'x-content-type-options': 'sniff',
    'x-request-id': 'other',
    'x-out': 'secret',
    server: 'x',
  };
  const answer = await speak(metadata, {}, { 'x-request-id': 'mine' });
  expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-request-id': 'mine' });
  for (const name of ['x-out', 'server']) expect(answer.headers).not.toHaveProperty(name);
});

// RFC 9110, 6.5.
test('trailers come where the client takes them, but for what must come before the content', async () => {
  const trailers = {
    'x-cost': '5',
    'x-sum-bin': 'AQI=',
    etag: '"e"',
    'set-cookie': 'a=1',
    'x-out': 'secret',
  };
  const with_ = await speak({}, trailers, { te: 'trailers' });
  expect([with_.headers['trailer'], with_.trailers]).toEqual([
    'x-cost, x-sum-bin',
    { 'x-cost': '5', 'x-sum-bin': 'AQI=' },
  ]);
  expect(with_.text).toBe('{"text":"t"}');
  const without = await speak({}, trailers);
  expect([without.headers['trailer'], without.trailers, without.headers['content-length']]).toEqual([
    undefined,
    {},
    '12',
  ]);
  const query = 'trailers[x-cost]=5';
  const stream = await send(
    rules.url,
    'POST',
    '/recite',
    json({ text: 'a', count: 2, trailers: { 'x-cost': '5' } }, { te: 'trailers' }),
  );
  expect([stream.text, stream.trailers]).toEqual(['[{"text":"a"},\n{"text":"a"}]', { 'x-cost': '5' }]);
  expect((await send(rules.url, 'GET', `/speak?${query}`)).status).toBe(400);
});

test.each<[string, Headers, number]>([
  ['X-Server-Timeout, seconds', { 'x-server-timeout': '1.5' }, 1.5],
  ['grpc-timeout', { 'grpc-timeout': '900m' }, 0.9],
  ['Connect-Timeout-Ms', { 'connect-timeout-ms': '1200' }, 1.2],
  [
    'the shortest of them',
    { 'x-server-timeout': '2', 'grpc-timeout': '1S', 'connect-timeout-ms': '1500' },
    1,
  ],
  ["the contract's, where it is shorter", { 'x-server-timeout': '100' }, 3],
])('the deadline of a call is that of %s', async (_, headers, seconds) => {
  const { deadlineSeconds } = (await send(books.url, 'GET', '/v1/inspect', { headers })).json;
  expect(deadlineSeconds).toBeLessThanOrEqual(seconds);
  expect(deadlineSeconds).toBeGreaterThan(seconds - 0.5);
});

test.each<[string, Headers]>([
  ['for a client that asks for more', { 'x-server-timeout': '100' }],
  ['for one that asks for nothing', {}],
])("the operator's longest timeout holds %s", async (_, headers) => {
  const { deadlineSeconds } = (await send(hurried.url, 'GET', '/v1/inspect', { headers })).json;
  expect(deadlineSeconds).toBeLessThanOrEqual(1);
  expect(deadlineSeconds).toBeGreaterThan(0);
});

test('a stream has no timeout but those of its client and its contract', async () => {
  const path = '/v1/books:watch?count=0&failCode=99';
  const headers = { accept: 'text/event-stream', 'x-server-timeout': '1.5' };
  const startedAt = Date.now();
  const answer = await send(hurried.url, 'GET', path, { headers });
  expect(Date.now() - startedAt).toBeGreaterThan(1_300);
  expect(answer.json.error.status).toBe('DEADLINE_EXCEEDED');
});
