import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BadRequest, DebugInfo, ErrorInfo } from '@weft/proto/google/rpc/error_details';
import { Status } from '@weft/proto/google/rpc/status';
import { json, send } from './testing/http.ts';
import { startLibrary, type Library } from './testing/library.ts';

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

test("a wrong field has its JSON name in the upstream's message too, and debug details stay inside", async () => {
  const violation = {
    field: 'some_field',
    description: 'is some_field',
    reason: '',
    localizedMessage: undefined,
  };
  const status = Status.encode({
    code: 3,
    message: '',
    details: [
      typed('google.rpc.BadRequest', BadRequest.encode({ fieldViolations: [violation] }).finish()),
      typed(
        'google.rpc.DebugInfo',
        DebugInfo.encode({ stackEntries: ['at secret.ts'], detail: '' }).finish(),
      ),
    ],
  }).finish();
  const messageOf = async (message: string) => {
    const sent = json({ code: 3, message, status: Buffer.from(status).toString('base64') });
    const answer = await call('POST', '/v1/fail', sent);
    expect(answer.text).not.toContain('secret.ts');
    return answer.json.error.message;
  };
  expect(await messageOf('some_field: is some_field')).toBe('someField: is some_field');
  expect(await messageOf('the some_field of others')).toBe('the some_field of others');
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
  await expect(answer).rejects.toThrow('aborted');
  await cancelled;
  expect(library.cancelled).toContain('Hang');
});
