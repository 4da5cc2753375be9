import { Status } from '@weft/proto/google/rpc/status';
import { BadRequest, ErrorInfo } from '@weft/proto/google/rpc/error_details';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { json, raw, send } from './testing/http.ts';
import { limits, startLibrary, type Library } from './testing/library.ts';

let library: Library;
const started: Library[] = [];
beforeAll(async () => {
  library = await start();
});
afterAll(() => Promise.all(started.map((one) => one.stop())));

/** An edge that ends with the tests, whatever their outcome. */
async function start(options: Parameters<typeof startLibrary>[0] = {}): Promise<Library> {
  const one = await startLibrary(options);
  started.push(one);
  return one;
}

/** A google.protobuf.Any. */
function typed(name: string, value: Uint8Array) {
  return { typeUrl: `type.googleapis.com/${name}`, value: Buffer.from(value) };
}

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

test.each<[string, string, Sent, number, string, string]>([
  ['GET', '/v1/books/%zz', {}, 400, 'INVALID_ARGUMENT', 'id: has a malformed percent-escape'],
  ['GET', '/v1/books/%ff', {}, 400, 'INVALID_ARGUMENT', 'id: is not valid UTF-8'],
  ['GET', '/v1/echo?nope=1', {}, 400, 'INVALID_ARGUMENT', 'nope: is no parameter of this method'],
  ['GET', '/v1/echo?inner.nope=1', {}, 400, 'INVALID_ARGUMENT', 'inner.nope: is no parameter of this method'],
  ['GET', '/v1/echo?anInt32=x', {}, 400, 'INVALID_ARGUMENT', 'anInt32: must be an integer'],
  ['GET', '/v1/echo?anInt32=0x10', {}, 400, 'INVALID_ARGUMENT', 'anInt32: must be an integer'],
  [
    'GET',
    '/v1/echo?anInt32=1&an_int32=2',
    {},
    400,
    'INVALID_ARGUMENT',
    'an_int32: has two values, and takes one',
  ],
  [
    'GET',
    '/v1/echo?oneString=a&oneInt=1',
    {},
    400,
    'INVALID_ARGUMENT',
    'oneInt: excludes oneString: only one of them can be set',
  ],
  [
    'GET',
    '/v1/echo?labels.a=1',
    {},
    400,
    'INVALID_ARGUMENT',
    'labels.a: is a map, which a query cannot hold',
  ],
  [
    'GET',
    '/v1/echo?struct.a=1',
    {},
    400,
    'INVALID_ARGUMENT',
    'struct.a: is a google.protobuf.Struct, which a query cannot hold',
  ],
  [
    'GET',
    '/v1/echo?inner=1',
    {},
    400,
    'INVALID_ARGUMENT',
    'inner: is a message: name one of its fields, as in inner.name',
  ],
  [
    'GET',
    '/v1/echo?inners.name=1',
    {},
    400,
    'INVALID_ARGUMENT',
    'inners.name: is no parameter of this method',
  ],
  ['GET', '/v1/echo?aString=%ff', {}, 400, 'INVALID_ARGUMENT', 'aString: is not valid UTF-8'],
  ['GET', '/v1/echo?aBool=1', {}, 400, 'INVALID_ARGUMENT', 'aBool: must be true or false, not a string'],
  [
    'GET',
    '/v1/echo?color=GREEN',
    {},
    400,
    'INVALID_ARGUMENT',
    'color: has no value "GREEN" in acme.v1.Color',
  ],
  [
    'POST',
    '/v1/echo',
    json('{"anInt32":1'),
    400,
    'INVALID_ARGUMENT',
    'the body is not valid JSON at line 1, column 13',
  ],
  [
    'POST',
    '/v1/echo',
    json('{"inners":[{"numberOfThings":"x"}]}'),
    400,
    'INVALID_ARGUMENT',
    'inners[0].numberOfThings: must be an integer',
  ],
  [
    'POST',
    '/v1/echo:inner',
    json('{"numberOfThings":{}}'),
    400,
    'INVALID_ARGUMENT',
    'inner.numberOfThings: must be an integer, not an object',
  ],
  [
    'POST',
    '/v1/echo',
    json(Buffer.from('7b22615374726e67223a22ff227d'.replace('615374726e67', '61537472696e67'), 'hex')),
    400,
    'INVALID_ARGUMENT',
    'aString: is not valid UTF-8',
  ],
  ['POST', '/v1/echo', json(Buffer.from([0xff])), 400, 'INVALID_ARGUMENT', 'the body is not valid UTF-8'],
  [
    'POST',
    '/v1/echo',
    json('['.repeat(101) + ']'.repeat(101)),
    400,
    'INVALID_ARGUMENT',
    'the body is nested deeper than 100 levels',
  ],
  [
    'POST',
    '/v1/echo',
    { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=1' },
    415,
    'INVALID_ARGUMENT',
    'the body must be application/json, in UTF-8',
  ],
  [
    'POST',
    '/v1/echo',
    { headers: { 'content-type': 'application/json; charset=latin1' }, body: '{}' },
    415,
    'INVALID_ARGUMENT',
    'the body must be application/json, in UTF-8',
  ],
  [
    'POST',
    '/v1/echo',
    { headers: { 'content-encoding': 'gzip' }, body: '{}' },
    415,
    'INVALID_ARGUMENT',
    'the body must not be encoded',
  ],
  [
    'POST',
    '/v1/echo',
    json(`"${'x'.repeat(limits.requestBytes)}"`),
    413,
    'INVALID_ARGUMENT',
    `the body is larger than ${limits.requestBytes} bytes`,
  ],
  [
    'POST',
    '/v1/echo',
    json(`"${'x'.repeat(limits.requestBytes)}"`, { 'transfer-encoding': 'chunked' }),
    413,
    'INVALID_ARGUMENT',
    `the body is larger than ${limits.requestBytes} bytes`,
  ],
  [
    'GET',
    `/v1/books/${'x'.repeat(limits.urlBytes)}`,
    {},
    414,
    'INVALID_ARGUMENT',
    `the URL is longer than ${limits.urlBytes} bytes`,
  ],
  ['GET', '/v1/nothing', {}, 404, 'NOT_FOUND', 'there is nothing at this path'],
  ['GET', '/v1/books/', {}, 404, 'NOT_FOUND', 'there is nothing at this path'],
  ['GET', '/v1//books', {}, 404, 'NOT_FOUND', 'there is nothing at this path'],
  ['GET', '/v1/internal', {}, 404, 'NOT_FOUND', 'there is nothing at this path'],
  ['GET', '/v1/forgotten', {}, 404, 'NOT_FOUND', 'there is nothing at this path'],
  ['PUT', '/v1/books', {}, 405, 'UNIMPLEMENTED', 'PUT is not possible here'],
  [
    'GET',
    '/v1/inspect',
    { headers: { 'x-server-timeout': 'soon' } },
    400,
    'INVALID_ARGUMENT',
    'X-Server-Timeout is not a timeout',
  ],
  [
    'GET',
    '/v1/inspect',
    { headers: { 'grpc-timeout': '5' } },
    400,
    'INVALID_ARGUMENT',
    'grpc-timeout is not a timeout',
  ],
  ['POST', '/v1/books', json({ title: 't' }), 401, 'UNAUTHENTICATED', 'needs a signed-in user'],
  [
    'POST',
    '/v1/books',
    json({ title: 't' }, { authorization: 'Bearer forged' }),
    401,
    'UNAUTHENTICATED',
    'the access token is not valid',
  ],
  [
    'POST',
    '/v1/books',
    json({ title: 't' }, { authorization: 'Basic dXNlcjpwdw==' }),
    401,
    'UNAUTHENTICATED',
    'the authorization header holds no bearer token',
  ],
  [
    'PATCH',
    '/v1/books/1',
    json({ title: 't' }, { authorization: 'Bearer user' }),
    403,
    'PERMISSION_DENIED',
    'needs one of the roles: librarian',
  ],
  [
    'POST',
    '/v1/books',
    json({}, { authorization: 'Bearer user', 'idempotency-key': 'é' }),
    400,
    'INVALID_ARGUMENT',
    'Idempotency-Key: must be 1 to 255 printable ASCII characters',
  ],
  [
    'POST',
    '/v1/books',
    json({}, { authorization: 'Bearer user', 'idempotency-key': '' }),
    400,
    'INVALID_ARGUMENT',
    'Idempotency-Key: must be 1 to 255 printable ASCII characters',
  ],
  [
    'POST',
    '/v1/books?requestId=other',
    json({}, { authorization: 'Bearer user', 'idempotency-key': 'one' }),
    400,
    'INVALID_ARGUMENT',
    'Idempotency-Key: differs from requestId in the request',
  ],
])('%s %.60s %.200j is refused: %i %s %s', async (method, path, options, status, code, message) => {
  const answer = await call(method, path, options);
  expect([answer.status, answer.json?.error]).toMatchObject([
    status,
    { code: status, status: code, message },
  ]);
  expect(answer.json.error.details[0]).toMatchObject({
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    domain: 'edge',
  });
  expect(answer.headers['x-content-type-options']).toBe('nosniff');
});

test('a wrong field is a BadRequest detail under its JSON name', async () => {
  const { json: body } = await call('POST', '/v1/echo', json({ inner: { number_of_things: 'x' } }));
  expect(body.error.details[1]).toEqual({
    '@type': 'type.googleapis.com/google.rpc.BadRequest',
    fieldViolations: [{ field: 'inner.numberOfThings', description: 'must be an integer' }],
  });
});

test('405 names what is allowed, OPTIONS answers it, and 401 names the scheme', async () => {
  const wrong = await call('PUT', '/v1/books');
  expect(wrong.headers['allow']).toBe('GET, HEAD, POST, OPTIONS');
  const options = await call('OPTIONS', '/v1/books');
  expect([options.status, options.headers['allow'], options.text]).toEqual([
    204,
    'GET, HEAD, POST, OPTIONS',
    '',
  ]);
  const unknown = await call('POST', '/v1/books', json({}));
  expect(unknown.headers['www-authenticate']).toBe('Bearer');
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

test.each([
  [1, 499, 'CANCELLED'],
  [2, 500, 'UNKNOWN'],
  [3, 400, 'INVALID_ARGUMENT'],
  [4, 504, 'DEADLINE_EXCEEDED'],
  [5, 404, 'NOT_FOUND'],
  [6, 409, 'ALREADY_EXISTS'],
  [7, 403, 'PERMISSION_DENIED'],
  [8, 429, 'RESOURCE_EXHAUSTED'],
  [9, 400, 'FAILED_PRECONDITION'],
  [10, 409, 'ABORTED'],
  [11, 400, 'OUT_OF_RANGE'],
  [12, 501, 'UNIMPLEMENTED'],
  [13, 500, 'INTERNAL'],
  [14, 503, 'UNAVAILABLE'],
  [15, 500, 'DATA_LOSS'],
  [16, 401, 'UNAUTHENTICATED'],
])("the upstream's code %i is HTTP %i %s", async (code, status, name) => {
  const info = typed(
    'google.rpc.ErrorInfo',
    ErrorInfo.encode({ reason: 'WHY', domain: 'library', metadata: {} }).finish(),
  );
  const sent = Status.encode({ code, message: '', details: [info] }).finish();
  const answer = await call(
    'POST',
    '/v1/fail',
    json({ code, message: 'a "text" é', status: Buffer.from(sent).toString('base64') }),
  );
  expect([answer.status, answer.json.error]).toMatchObject([
    status,
    { code: status, status: name, message: 'a "text" é' },
  ]);
});

test('details are passed on in order, field paths in JSON names, and an unknown one hides nothing', async () => {
  const badRequest = BadRequest.encode({
    fieldViolations: ['code', 'some_map["a_b"].inner_field[0].x_y'].map((field) => ({
      field,
      description: 'd',
      reason: '',
      localizedMessage: undefined,
    })),
  }).finish();
  const status = Status.encode({
    code: 3,
    message: 'm',
    details: [
      typed(
        'google.rpc.ErrorInfo',
        ErrorInfo.encode({ reason: 'WHY', domain: 'library', metadata: {} }).finish(),
      ),
      typed('acme.unknown.Type', Buffer.from([1, 2])),
      typed('google.rpc.BadRequest', badRequest),
      typed('google.rpc.Help', Buffer.from('ff', 'hex')),
    ],
  }).finish();
  const { json: body } = await call(
    'POST',
    '/v1/fail',
    json({ code: 3, message: 'm', status: Buffer.from(status).toString('base64') }),
  );
  expect(body.error.details).toEqual([
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'WHY', domain: 'library' },
    { '@type': 'type.googleapis.com/acme.unknown.Type', value: 'AQI=' },
    {
      '@type': 'type.googleapis.com/google.rpc.BadRequest',
      fieldViolations: [
        { field: 'code', description: 'd' },
        { field: 'someMap["a_b"].innerField[0].xY', description: 'd' },
      ],
    },
    { '@type': 'type.googleapis.com/google.rpc.Help', value: '/w==' },
  ]);
});

test('headers become metadata, and metadata headers, but for those of the hop and of the edge', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const answer = await call('GET', '/v1/inspect', {
    headers: {
      authorization: 'Bearer whatever',
      traceparent,
      'x-custom': ['a', 'b'],
      'x-data-bin': 'AQI=',
      'x-request-id': 'id-1',
      'grpc-metadata-tenant': 't',
      'grpc-metadata-authorization': 'Bearer stolen',
      'grpc-metadata-grpc-timeout': '1S',
      'grpc-encoding': 'gzip',
      'grpc-timeout': '100S',
      cookie: 'c=1',
      te: 'trailers',
      'user-agent': 'mine',
    },
  });
  const { 'user-agent': _, ...metadata } = answer.json.metadata;
  expect(metadata).toEqual({
    authorization: 'Bearer whatever',
    traceparent,
    'x-custom': 'a, b',
    'x-data-bin': '0102',
    'x-request-id': 'id-1',
    tenant: 't',
  });
  expect(answer.headers).toMatchObject({
    'x-answer': 'one',
    'x-request-id': 'id-1',
    'set-cookie': ['a=1', 'b=2'],
    'x-bytes-bin': 'AQI=',
    'content-length': String(Buffer.byteLength(answer.text)),
  });
});

test('a request without a usable x-request-id gets one', async () => {
  for (const sent of [undefined, 'a b', 'x'.repeat(200)]) {
    const { headers, json: body } = await call('GET', '/v1/inspect', {
      headers: sent === undefined ? {} : { 'x-request-id': sent },
    });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(body.metadata['x-request-id']).toBe(headers['x-request-id']);
  }
});

test("the client's deadline is passed on, never beyond the contract's", async () => {
  const seconds = async (headers: Record<string, string>) =>
    (await call('GET', '/v1/inspect', { headers })).json.deadlineSeconds;
  expect(await seconds({})).toBeLessThanOrEqual(3);
  expect(await seconds({ 'x-server-timeout': '100' })).toBeLessThanOrEqual(3);
  expect(await seconds({ 'x-server-timeout': '1.5' })).toBeLessThanOrEqual(1.5);
  expect(await seconds({ 'grpc-timeout': '900m', 'x-server-timeout': '2' })).toBeLessThanOrEqual(0.9);
  const late = await call('POST', '/v1/hang', json({}, { 'x-server-timeout': '0.05' }));
  expect([late.status, late.json.error.status]).toEqual([504, 'DEADLINE_EXCEEDED']);
});

test('a client that leaves cancels the call', async () => {
  const cancelled = library.nextCancel();
  const controller = new AbortController();
  const answer = fetch(`${library.url}/v1/hang`, { method: 'POST', signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  await expect(answer).rejects.toThrow();
  await cancelled;
  expect(library.cancelled).toContain('Hang');
});

test.each([
  ['a request line that is none', 'BLAH\r\n\r\n', 400],
  ['a missing Host', 'GET /v1/books HTTP/1.1\r\n\r\n', 400],
  [
    'two lengths',
    'POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}',
    400,
  ],
  [
    'a length and chunks',
    'POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  [
    'headers that are too large',
    `GET /v1/books HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(9000)}\r\n\r\n`,
    431,
  ],
  ['a URL that is too long', `GET /${'a'.repeat(9000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 414],
  ['a request that stops half way', 'GET /v1/books HTTP/1.1\r\nhost: x\r\n', 408],
  ['a body that stops half way', 'POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{', 408],
])('%s is refused and the connection closed', async (_, bytes, status) => {
  const answer = await raw(library.port, bytes);
  expect(answer.split(' ')[1]).toBe(String(status));
});

test('the target may name the authority; a byte that needs encoding is refused', async () => {
  const get = (target: string) =>
    raw(
      library.port,
      Buffer.from(`GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`, 'latin1'),
    );
  expect(await get('http://x/v1/books/1')).toContain('{"id":"1"}');
  expect(await get('/v1/books/\xe9')).toContain('HTTP/1.1 400');
});

test('Expect: 100-continue is answered only for a body that will be read', async () => {
  const head = (length: number) =>
    `POST /v1/echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`;
  expect(await raw(library.port, `${head(2)}{}`)).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200/);
  expect(await raw(library.port, head(1e9))).toMatch(/^HTTP\/1.1 413/);
});

test('an upstream that is away is UNAVAILABLE, without a word about its address', async () => {
  const away = await start();
  away.stopUpstream();
  const answer = await send(away.url, 'POST', '/v1/echo', json({}, { 'x-server-timeout': '1' }));
  expect(answer.status).toBe(503);
  expect(answer.text).not.toMatch(/127\.0\.0\.1|ECONN/);
});

test('above the limit of requests in flight, more are refused at once', async () => {
  const small = await start({ limits: { ...limits, concurrentRequests: 2 } });
  const controller = new AbortController();
  const hanging = [1, 2].map(() =>
    fetch(`${small.url}/v1/hang`, { method: 'POST', signal: controller.signal }).catch(() => undefined),
  );
  let refused = await send(small.url, 'GET', '/v1/books/1');
  while (refused.status === 200) refused = await send(small.url, 'GET', '/v1/books/1');
  expect([refused.status, refused.json.error.details[0].reason, refused.headers['retry-after']]).toEqual([
    503,
    'OVERLOADED',
    '1',
  ]);
  controller.abort();
  await Promise.all(hanging);
});

test('an answer above the limit is INTERNAL, without a word of its own', async () => {
  const small = await start({ limits: { ...limits, responseBytes: 100 } });
  const answer = await send(small.url, 'POST', '/v1/echo', json({ aString: 'x'.repeat(200) }));
  expect([answer.status, answer.json.error.message]).toEqual([500, 'internal error']);
});

test('fields without presence are printed at zero when that is asked for', async () => {
  const full = await start({ emitDefaults: true, unknownFields: 'refuse', unknownQuery: 'ignore' });
  const { json: body } = await send(full.url, 'GET', '/v1/books/1?nope=1');
  expect(body).toEqual({ id: '1', title: '', tags: [], labels: {}, pages: '0', etag: '', sold: 0 });
  const refused = await send(full.url, 'POST', '/v1/echo', json({ nope: 1 }));
  expect(refused.json.error.message).toBe('nope: is no field of acme.v1.Everything');
});

test('draining finishes what is in flight, ends streams, and closes kept connections', async () => {
  const leaving = await start();
  const stream = await fetch(`${leaving.url}/v1/books:watch?count=1&failCode=99`, {
    headers: { accept: 'application/x-ndjson' },
  });
  await fetch(`${leaving.url}/v1/books/1`).then((answer) => answer.text());
  const startedAt = Date.now();
  await leaving.stop();
  expect(Date.now() - startedAt).toBeLessThan(1_000);
  const lines = (await stream.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines[1].error).toMatchObject({
    code: 503,
    status: 'UNAVAILABLE',
    details: [{ reason: 'SERVER_DRAINING' }],
  });
  await expect(fetch(`${leaving.url}/v1/books/1`)).rejects.toThrow();
});
