import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { json, send } from './testing/http.ts';
import { startLibrary, type Library } from './testing/library.ts';

let library: Library;
beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library.stop());

type Sent = Parameters<typeof send>[3];
const call = (method: string, path: string, options?: Sent) => send(library.url, method, path, options);

test.each<[string, string, Sent, unknown]>([
  // Paths.
  ['GET', '/v1/shelves/1/books/a%2Fb%20c', {}, { title: 'shelves/1/books/a%2Fb c' }],
  ['GET', '/v1/books/a%2Fb', {}, { id: 'a/b' }],
  ['REPORT', '/v1/books/x', {}, { id: 'x' }],
  [
    'POST',
    '/v1/echo/n/7',
    json({ inner: { name: 'body', numberOfThings: 1 }, aString: 'body' }),
    { inner: { name: 'n', numberOfThings: 1 }, aString: '7' },
  ],
  // Bodies.
  ['POST', '/v1/echo', json({ an_int32: '5', unknown: [1] }), { anInt32: 5 }],
  ['POST', '/v1/echo?anInt32=9', json({}), {}],
  ['POST', '/v1/echo', {}, {}],
  [
    'POST',
    '/v1/echo',
    { headers: { 'content-type': 'application/merge-patch+json; charset=UTF-8' }, body: '{"anInt32":1}' },
    { anInt32: 1 },
  ],
  ['POST', '/v1/echo', { body: '\ufeff{"anInt32":1}' }, { anInt32: 1 }],
  [
    'POST',
    '/v1/echo:inner?anInt32=9&inner.name=q',
    json({ name: 'b' }),
    { anInt32: 9, inner: { name: 'b' } },
  ],
  ['POST', '/v1/echo:strings', json(['a', 'b']), ['a', 'b']],
  ['POST', '/v1/echo:strings', json('null'), []],
  ['GET', '/v1/books:titles', {}, ['a', 'b']],
  [
    'GET',
    '/v1/echo',
    { body: 'ignored', headers: { 'content-type': 'text/plain', 'content-length': '7' } },
    {},
  ],
  // Queries.
  [
    'GET',
    '/v1/echo?anInt32=-5&a_string=a+b%2Bc&aBool=true&aDouble=1.5e3',
    {},
    { anInt32: -5, aString: 'a b+c', aBool: true, aDouble: 1500 },
  ],
  [
    'GET',
    '/v1/echo?ints=1&ints=2&strings=&colors=RED&colors=-2',
    {},
    { ints: [1, 2], strings: [''], colors: ['RED', 'BLUE'] },
  ],
  [
    'GET',
    '/v1/echo?inner.parent.inner.number_of_things=3&inner.name=n',
    {},
    { inner: { name: 'n', parent: { inner: { numberOfThings: 3 } } } },
  ],
  [
    'GET',
    '/v1/echo?time=2024-01-02T03:04:05Z&duration=1.5s&mask=an_int32,aString',
    {},
    { time: '2024-01-02T03:04:05Z', duration: '1.500s', mask: 'anInt32,aString' },
  ],
  [
    'GET',
    '/v1/echo?longWrapper=5&boolWrapper=false&stringWrapper=s',
    {},
    { longWrapper: '5', boolWrapper: false, stringWrapper: 's' },
  ],
  ['GET', '/v1/echo?someBytes=-_8&byteList=AA==', {}, { someBytes: '+/8=', byteList: ['AA=='] }],
  [
    'GET',
    '/v1/echo?anInt64=9223372036854775807&maybeInt=0',
    {},
    { anInt64: '9223372036854775807', maybeInt: 0 },
  ],
  ['GET', '/v1/echo?times=2024-01-02T03:04:05Z&&', {}, { times: ['2024-01-02T03:04:05Z'] }],
  [
    'GET',
    '/v1/echo?@other-name=x&constructor=c&__proto__=p',
    {},
    { '@other-name': 'x', constructor: 'c', ['__proto__']: 'p' },
  ],
])('%s %s %j answers %j', async (method, path, options, body) => {
  const answer = await call(method, path, options);
  expect([answer.status, answer.json]).toEqual([200, body]);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json',
    'x-content-type-options': 'nosniff',
  });
});

test('HEAD answers what GET would, without the body', async () => {
  const get = await call('GET', '/v1/books/42');
  const head = await call('HEAD', '/v1/books/42');
  expect([head.status, head.text, head.headers['content-length']]).toEqual([
    200,
    '',
    get.headers['content-length'],
  ]);
  expect((await call('HEAD', '/v1/nothing')).status).toBe(404);
  const stream = await call('HEAD', '/v1/books:watch?endless=true');
  expect([stream.status, stream.text]).toEqual([200, '']);
});

test('a PATCH without a mask gets one from its body, the path apart', async () => {
  const patch = (body: unknown, query = '') =>
    call('PATCH', `/v1/books/7${query}`, json(body, { authorization: 'Bearer librarian' }));
  const mask = async (body: unknown, query?: string) => (await patch(body, query)).json.labels.mask;
  expect(
    await mask({
      title: '',
      tags: ['a'],
      author: { full_name: 'n', birthYear: null },
      labels: { a: 'b' },
      id: '9',
      nope: 1,
    }),
  ).toBe('title,tags,author.fullName,author.birthYear,labels');
  expect(await mask({ author: {}, publishTime: null })).toBe('author,publishTime');
  expect(await mask({ title: 'x', author: {} }, '?updateMask=title')).toBe('title');
  expect(await mask({})).toBe('none');
  // What cannot be an update is none: the etag, an output only field; and a Money is one value.
  expect(await mask({ title: 't', etag: 'e', publishTime: null, price: { units: '5' }, sold: 3 })).toBe(
    'title,publishTime,price',
  );
  expect((await patch({ id: 'body' })).json.id).toBe('7');
});

test('an Idempotency-Key becomes the request_id, where there is one', async () => {
  const headers = { authorization: 'Bearer user', 'idempotency-key': 'k 1~' };
  const created = await call('POST', '/v1/books?request_id=k+1~', json({ title: 't' }, headers));
  expect(created.json).toEqual({ title: 't', labels: { requestId: 'k 1~' } });
  expect((await call('POST', '/v1/echo', json({}, { 'idempotency-key': 'é'.repeat(300) }))).status).toBe(200);
});

test('HttpBody is the body itself, down and up', async () => {
  const down = await call('GET', '/v1/files/a%2Fb/%C3%A9//x');
  expect([down.text, down.headers['content-type']]).toEqual(['a%2Fb/é//x', 'text/plain']);
  const up = await call('PUT', '/v1/files/f', {
    body: Buffer.from([0, 255]),
    headers: { 'content-type': 'image/x' },
  });
  expect(up.json).toEqual({ path: 'f image/x AP8=' });
});
