import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { json, send } from './testing/http.ts';
import { limits, startLibrary, type Library } from './testing/library.ts';

let library: Library;
beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library.stop());

type Sent = Parameters<typeof send>[3];
const call = (method: string, path: string, options?: Sent) => send(library.url, method, path, options);

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
    `/v1/echo?${'inner.parent.'.repeat(60)}anInt32=1`,
    {},
    400,
    'INVALID_ARGUMENT',
    `${'inner.parent.'.repeat(60).slice(0, 100)}: is nested deeper than 100 levels`,
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
    { headers: { 'content-encoding': 'br' }, body: '{}' },
    415,
    'INVALID_ARGUMENT',
    'the body may be encoded as gzip alone',
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

test.each(['[]', 'null', '"x"', '1'])('the body %s is no message, and no field is named', async (body) => {
  const { json: answer } = await call('POST', '/v1/echo', json(body));
  expect(answer.error.message).toMatch(/^the body must be an object \(acme.v1.Everything\), not /);
  expect(answer.error.details).toHaveLength(1);
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
