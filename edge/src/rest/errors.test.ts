import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BadRequest, DebugInfo, ErrorInfo } from '@weft/proto/google/rpc/error_details';
import { Status } from '@weft/proto/google/rpc/status';
import { Duration } from '@weft/proto/google/protobuf/duration';
import { json, raw, send } from '../testing/http.ts';
import { limits, startLibrary, type Library } from '../testing/library.ts';

let library: Library;
beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library.stop());

type Sent = Parameters<typeof send>[3];
const call = (method: string, path: string, options?: Sent) => send(library.url, method, path, options);

/** A google.protobuf.Any. */
function typed(name: string, value: Uint8Array) {
  return { typeUrl: `type.googleapis.com/${name}`, value: Buffer.from(value) };
}

const why = typed(
  'google.rpc.ErrorInfo',
  ErrorInfo.encode({ reason: 'WHY', domain: 'library', metadata: {} }).finish(),
);

/** Has the upstream fail so. */
function fail(
  code: number,
  message: string,
  details: ReturnType<typeof typed>[],
  headers: Record<string, string> = {},
) {
  const status = Buffer.from(Status.encode({ code, message, details }).finish()).toString('base64');
  return call('POST', '/v1/fail', json({ code, message, status }, headers));
}

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
])("google/rpc/code.proto: the upstream's code %i is HTTP %i %s", async (code, status, name) => {
  const answer = await fail(code, 'a "text" é', [why]);
  expect([answer.status, answer.json.error]).toMatchObject([
    status,
    { code: status, status: name, message: 'a "text" é', details: [{ reason: 'WHY' }] },
  ]);
  expect(answer.headers).toMatchObject({ 'content-type': 'application/json', vary: 'Accept' });
});

test('AIP-193: details are passed on in order, field paths in JSON names, and an unknown one hides nothing', async () => {
  const badRequest = BadRequest.encode({
    fieldViolations: ['code', 'some_map["a_b"].inner_field[0].x_y'].map((field) => ({
      field,
      description: 'd',
      reason: '',
      localizedMessage: undefined,
    })),
  }).finish();
  const { json: body } = await fail(3, 'm', [
    why,
    typed('acme.unknown.Type', Buffer.from([1, 2])),
    typed('google.rpc.BadRequest', badRequest),
    typed('google.rpc.Help', Buffer.from('ff', 'hex')),
    typed('google.protobuf.Duration', Duration.encode({ seconds: 1n, nanos: 0 }).finish()),
  ]);
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
    { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1s' },
  ]);
});

test("a wrong field has its JSON name in the upstream's message too, and debug details stay inside", async () => {
  const violation = {
    field: 'some_field',
    description: 'is some_field',
    reason: '',
    localizedMessage: undefined,
  };
  const details = [
    typed('google.rpc.BadRequest', BadRequest.encode({ fieldViolations: [violation] }).finish()),
    typed('google.rpc.DebugInfo', DebugInfo.encode({ stackEntries: ['at secret.ts'], detail: '' }).finish()),
  ];
  const messageOf = async (message: string) => {
    const answer = await fail(3, message, details);
    expect(answer.text).not.toContain('secret.ts');
    return answer.json.error.message;
  };
  expect(await messageOf('some_field: is some_field')).toBe('someField: is some_field');
  expect(await messageOf('the some_field of others')).toBe('the some_field of others');
});

test.each([
  [undefined, 'application/json'],
  ['application/problem+json', 'application/problem+json'],
  ['Application/Problem+JSON', 'application/problem+json'],
  ['application/json, application/problem+json', 'application/problem+json'],
  ['application/problem+json;q=0.5, application/json;q=0.4', 'application/problem+json'],
  ['application/json, application/problem+json;q=0.5', 'application/json'],
  ['application/problem+json;q=0', 'application/json'],
  ['application/problem+json;q=0.5, */*', 'application/json'],
  ['*/*', 'application/json'],
  ['application/*', 'application/json'],
  ['text/event-stream, application/problem+json', 'application/problem+json'],
])('RFC 9457: Accept %s gets errors as %s', async (accept, type) => {
  const answer = await call('GET', '/v1/nothing', { headers: accept === undefined ? {} : { accept } });
  expect([answer.status, answer.headers['content-type']]).toEqual([404, type]);
});

test('RFC 9457: a problem has its members, and those of AIP-193 beside them', async () => {
  const accept = 'application/problem+json';
  const answer = await fail(9, 'not now', [why], { accept });
  expect([answer.status, JSON.parse(answer.text)]).toEqual([
    400,
    {
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: 'not now',
      instance: '/v1/fail',
      code: 'FAILED_PRECONDITION',
      reason: 'WHY',
      details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'WHY', domain: 'library' }],
    },
  ]);
  const odd = await call('GET', '//x/a|b%zz?c', { headers: { accept } });
  expect(JSON.parse(odd.text).instance).toBe('/.//x/a%7Cb%25zz');
});

test.each<[string, string, number]>([
  [
    'what no request is',
    'GET /v1/books HTTP/1.1\r\nhost: x\r\naccept: application/problem+json\r\nx a: b\r\n\r\n',
    400,
  ],
  [
    'an expectation',
    'GET /v1/books HTTP/1.1\r\nhost: x\r\naccept: application/problem+json\r\nexpect: x\r\n\r\n',
    417,
  ],
  [
    'headers too large',
    `GET / HTTP/1.1\r\nAccept: application/problem+json\r\nx: ${'a'.repeat(9000)}\r\n\r\n`,
    431,
  ],
])('RFC 9457: %s is a problem too, where that much is known', async (_, bytes, status) => {
  const text = await raw(library.port, bytes);
  expect(text.split(' ')[1]).toBe(String(status));
  expect(text).toContain('content-type: application/problem+json\r\n');
  expect(JSON.parse(text.slice(text.indexOf('{')))).toMatchObject({ type: 'about:blank', status });
});

test.each<[string, string, Sent, number, string, string]>([
  ['GET', '/v1/nothing', {}, 404, 'NOT_FOUND', 'there is nothing at this path'],
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
  [
    'GET',
    '/v1/inspect',
    { headers: { 'connect-timeout-ms': '1.5' } },
    400,
    'INVALID_ARGUMENT',
    'Connect-Timeout-Ms is not a timeout',
  ],
  ['POST', '/v1/books', json({ title: 't' }), 401, 'UNAUTHENTICATED', 'needs a signed-in user'],
  [
    'POST',
    '/v1/books',
    json({}, { authorization: 'Bearer forged' }),
    401,
    'UNAUTHENTICATED',
    'the access token is not valid',
  ],
  [
    'POST',
    '/v1/books',
    json({}, { authorization: 'Basic dXNlcjpwdw==' }),
    401,
    'UNAUTHENTICATED',
    'the authorization header holds no bearer token',
  ],
  [
    'PATCH',
    '/v1/books/1',
    json({}, { authorization: 'Bearer user' }),
    403,
    'PERMISSION_DENIED',
    'needs one of the roles: librarian',
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

test('405 names what is allowed, 401 the scheme', async () => {
  expect((await call('PUT', '/v1/books')).headers['allow']).toBe('GET, HEAD, POST, OPTIONS');
  expect((await call('POST', '/v1/books', json({}))).headers['www-authenticate']).toBe('Bearer');
});

test.each<[string, string, string, string]>([
  ['é', '', 'Idempotency-Key: must be 1 to 255 printable ASCII characters', 'beyond ASCII'],
  ['', '', 'Idempotency-Key: must be 1 to 255 printable ASCII characters', 'empty'],
  ['x'.repeat(256), '', 'Idempotency-Key: must be 1 to 255 printable ASCII characters', 'too long'],
  ['one', '?requestId=other', 'Idempotency-Key: differs from requestId in the request', 'another one'],
])('AIP-155: the Idempotency-Key %.10s with %s is refused: %s', async (key, query, message) => {
  const headers = { authorization: 'Bearer user', 'idempotency-key': key };
  const answer = await call('POST', `/v1/books${query}`, json({}, headers));
  expect([answer.status, answer.json.error.message]).toEqual([400, message]);
});

test('AIP-155: an Idempotency-Key becomes the request_id, where there is one', async () => {
  const headers = { authorization: 'Bearer user', 'idempotency-key': 'k 1~' };
  const created = await call('POST', '/v1/books?request_id=k+1~', json({ title: 't' }, headers));
  expect(created.json).toEqual({ title: 't', labels: { requestId: 'k 1~' } });
  expect((await call('POST', '/v1/echo', json({}, { 'idempotency-key': 'é'.repeat(300) }))).status).toBe(200);
});
