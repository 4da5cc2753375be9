import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { json, send } from '../testing/http.ts';
import { startLibrary, type Library } from '../testing/library.ts';
import { rulesFixture } from '../testing/rules.ts';

let library: Library;
beforeAll(async () => {
  library = await startLibrary({}, rulesFixture());
});
afterAll(() => library.stop());

type Sent = Parameters<typeof send>[3];
const call = (method: string, path: string, options?: Sent) => send(library.url, method, path, options);

test.each<[string, string, unknown, unknown]>([
  ['a string', '/body/string', 'a', { aString: 'a' }],
  ['an int64', '/body/long', '5', { anInt64: '5' }],
  ['an enum', '/body/enum', 'BLUE', { color: 'BLUE' }],
  ['bytes', '/body/bytes', 'AP8=', { someBytes: 'AP8=' }],
  ['a wrapper', '/body/wrapper', '', { stringWrapper: '' }],
  ['a Struct', '/body/struct', { a: [null, { b: 1.5 }] }, { struct: { a: [null, { b: 1.5 }] } }],
  ['a Value', '/body/value', [1, 'x'], { value: [1, 'x'] }],
  ['a Value that is null', '/body/value', null, { value: null }],
  ['a map', '/body/map', { a: 'b' }, { labels: { a: 'b' } }],
  ['a list of messages', '/body/messages', [{ name: 'a' }, {}], { inners: [{ name: 'a' }, {}] }],
  ['a Timestamp', '/body/time', '2024-01-02T03:04:05Z', { time: '2024-01-02T03:04:05Z' }],
  [
    'an Any',
    '/body/any',
    { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1s' },
    { any: { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1s' } },
  ],
  ['a message', '/body/inner', { name: 'n' }, { inner: { name: 'n' } }],
  [
    'the fields beside it from the query',
    '/body/string?anInt32=1&inner.name=n',
    'a',
    { aString: 'a', anInt32: 1, inner: { name: 'n' } },
  ],
  ['a parameter for the field of the body is ignored', '/body/string?aString=q', 'a', { aString: 'a' }],
  ['null is a field that is not set', '/body/string', 'null', {}],
  ['everything, and then the query is ignored', '/body/all?anInt32=1', { aString: 'a' }, { aString: 'a' }],
])('http.proto, body: %s', async (_, path, body, answer) => {
  const method = path.startsWith('/body/all') || path.startsWith('/body/inner') ? 'PUT' : 'POST';
  const text = body === 'null' ? 'null' : JSON.stringify(body);
  const { status, json: got } = await call(method, path, json(text));
  expect([status, got]).toEqual([200, answer]);
});

test('http.proto: without a body clause a body is ignored, whatever it is', async () => {
  const answer = await call('DELETE', '/body/none?anInt32=1', {
    headers: { 'content-type': 'text/html' },
    body: '<',
  });
  expect([answer.status, answer.json]).toEqual([200, { anInt32: 1 }]);
});

const all = (text: string | Uint8Array, type?: string): Sent => ({
  body: text,
  headers: type === undefined ? {} : { 'content-type': type },
});

test.each<[string, Sent, unknown]>([
  ['application/json', all('{"anInt32":1}', 'application/json'), { anInt32: 1 }],
  ['a charset that is UTF-8', all('{"anInt32":1}', 'Application/JSON ; Charset="utf-8"'), { anInt32: 1 }],
  ['a type in +json', all('{"anInt32":1}', 'application/merge-patch+json'), { anInt32: 1 }],
  ['no type at all', all('{"anInt32":1}'), { anInt32: 1 }],
  ['a byte order mark', all('\ufeff{"anInt32":1}', 'application/json'), { anInt32: 1 }],
  ['nothing', all('', 'application/json'), {}],
  ['the last of duplicate keys', all('{"anInt32":1,"an_int32":3,"anInt32":2}'), { anInt32: 3 }],
  ['an unknown member', all('{"nope":[{"deep":1}],"anInt32":1}'), { anInt32: 1 }],
  ['chunks', { body: '{"anInt32":1}', headers: { 'transfer-encoding': 'chunked' } }, { anInt32: 1 }],
])('a body may be %s', async (_, options, answer) => {
  const { status, json: got } = await call('PUT', '/body/all', options);
  expect([status, got]).toEqual([200, answer]);
});

test.each<[string, Sent, number, string]>([
  [
    'a form',
    all('a=1', 'application/x-www-form-urlencoded'),
    415,
    'the body must be application/json, in UTF-8',
  ],
  [
    'a form of parts',
    all('--x', 'multipart/form-data; boundary=x'),
    415,
    'the body must be application/json, in UTF-8',
  ],
  [
    'text, as another site may send it',
    all('{}', 'text/plain'),
    415,
    'the body must be application/json, in UTF-8',
  ],
  [
    'lines, where there is no stream',
    all('{}', 'application/x-ndjson'),
    415,
    'the body must be application/json, in UTF-8',
  ],
  [
    'another charset',
    all('{}', 'application/json; charset=utf-16'),
    415,
    'the body must be application/json, in UTF-8',
  ],
  ['two values', all('{}{}'), 400, 'the body is not valid JSON at line 1, column 3'],
  ['half a value', all('{"anInt32":'), 400, 'the body is not valid JSON: it ends too early'],
  ['white space alone', all('  '), 400, 'the body is not valid JSON: it ends too early'],
  ['no UTF-8', all(Buffer.from([0x22, 0xff, 0x22])), 400, 'the body is not valid UTF-8'],
  [
    'half of a surrogate pair',
    all('{"aString":"\\udc00"}'),
    400,
    'aString: is not valid Unicode: it has half of a surrogate pair',
  ],
  ['a number too large for any', all('{"aDouble":1e999}'), 400, 'aDouble: is out of the range of double'],
  ['NaN without quotes', all('{"aDouble":NaN}'), 400, 'the body is not valid JSON'],
  [
    'an array too deep',
    all(`{"list":${'['.repeat(100)}${']'.repeat(100)}}`),
    400,
    'the body is nested deeper than 100 levels',
  ],
  [
    'a Struct too deep',
    all(`{"struct":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`),
    400,
    'the body is nested deeper than 100 levels',
  ],
  [
    'an Any too deep',
    all(`${'{"@type":"x/acme.v1.Everything","any":'.repeat(101)}{}${'}'.repeat(101)}`),
    400,
    'the body is nested deeper than 100 levels',
  ],
  [
    'too many elements',
    all(`{"ints":[${'1,'.repeat(1_000)}1]}`),
    400,
    'the body has more than 1000 members and elements',
  ],
  [
    'too many members',
    all(`{"labels":{${Array.from({ length: 1_001 }, (_, i) => `"${i}":""`).join(',')}}}`),
    400,
    'the body has more than 1000 members and elements',
  ],
  [
    'two members of a oneof',
    all('{"oneString":"","oneInt":1}'),
    400,
    'oneInt: excludes oneString: only one of them can be set',
  ],
])('a body is refused: %s', async (_, options, status, message) => {
  const answer = await call('PUT', '/body/all', options);
  expect([answer.status, answer.json.error.message]).toEqual([status, message]);
});

test.each<[string, unknown, unknown]>([
  ['an int64 beyond 2^53, as a number', '{"anInt64":9007199254740993}', { anInt64: '9007199254740993' }],
  ['an int64 with an exponent', '{"anInt64":1.5e3}', { anInt64: '1500' }],
  ['NaN and Infinity', '{"aDouble":"NaN","aFloat":"Infinity"}', { aDouble: 'NaN', aFloat: 'Infinity' }],
  ['bytes in base64url without padding', '{"someBytes":"_-8"}', { someBytes: '/+8=' }],
  ['an enum by number, also one without a name', '{"color":7}', { color: 7 }],
  [
    'null for every kind',
    '{"anInt32":null,"aString":null,"ints":null,"labels":null,"inner":null,"time":null,"maybeInt":null}',
    {},
  ],
  ['null for one member of a oneof', '{"oneString":null,"oneInt":0}', { oneInt: 0 }],
  ['null that is a value', '{"value":null,"oneNull":null}', { value: null, oneNull: null }],
  [
    'keys of maps',
    '{"byNumber":{"-5":{}},"byBool":{"false":"RED"}}',
    { byNumber: { '-5': {} }, byBool: { false: 'RED' } },
  ],
  ['presence', '{"maybeInt":0,"maybeString":""}', { maybeInt: 0, maybeString: '' }],
  [
    'the last moment',
    '{"time":"9999-12-31T23:59:59.999999999Z"}',
    { time: '9999-12-31T23:59:59.999999999Z' },
  ],
  ['the first moment', '{"time":"0001-01-01T00:00:00Z"}', { time: '0001-01-01T00:00:00Z' }],
  ['the shortest duration', '{"duration":"-315576000000s"}', { duration: '-315576000000s' }],
  [
    'a mask in either spelling',
    '{"mask":"an_int32,inner.numberOfThings"}',
    { mask: 'anInt32,inner.numberOfThings' },
  ],
  [
    'an Any within an Any',
    '{"any":{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/google.protobuf.StringValue","value":"s"}}}',
    {
      any: {
        '@type': 'type.googleapis.com/google.protobuf.Any',
        value: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: 's' },
      },
    },
  ],
  [
    'names that are code elsewhere',
    '{"__proto__":"p","constructor":"c"}',
    JSON.parse('{"constructor":"c","__proto__":"p"}'),
  ],
])('ProtoJSON: %s', async (_, body, answer) => {
  const { status, text } = await call('PUT', '/body/all', json(body));
  expect([status, JSON.parse(text)]).toEqual([200, answer]);
});

test('ProtoJSON: proto2 has presence, groups and extensions', async () => {
  const body = {
    name: '',
    closed: 'FIRST',
    part: { size: 0 },
    '[acme.v1.note]': 'x',
    '[acme.v1.extra]': { text: 't' },
  };
  expect((await call('POST', '/legacy', json(body))).json).toEqual(body);
  const refused = await call('POST', '/legacy', json({ closed: 7 }));
  expect(refused.json.error.message).toBe('closed: has no value 7 in acme.v1.Legacy.Closed');
});

test.each<[string, string, unknown, unknown]>([
  ['the fields that it has', '', { anInt32: 1, a_double: 0, aBool: false }, 'anInt32,aDouble,aBool'],
  ['null too', '', { anInt32: null, inner: null }, 'anInt32,inner'],
  ['nested fields', '', { inner: { name: 'n', parent: { aFloat: 1 } } }, 'inner.name,inner.parent.aFloat'],
  [
    'maps and lists as a whole',
    '',
    { labels: { a: 'b' }, inners: [{ name: 'n' }], byNumber: {} },
    'labels,inners,byNumber',
  ],
  [
    'values as a whole',
    '',
    { struct: { a: 1 }, time: '2024-01-02T03:04:05Z', longWrapper: 1, any: {} },
    'struct,time,longWrapper,any',
  ],
  ['an empty message', '', { inner: {} }, 'inner'],
  ['not what the path has', '', { aString: 'x', anInt32: 1 }, 'anInt32'],
  ['not what is unknown', '', { nope: 1, anInt32: 1 }, 'anInt32'],
  ['nothing for an empty body', '', {}, undefined],
  ['the mask in the query instead, in its spelling', '?updateMask=an_int32', { aBool: true }, 'anInt32'],
  [
    'the mask in the query by its proto name',
    '?update_mask=a_bool,inner.name',
    { anInt32: 1 },
    'aBool,inner.name',
  ],
])('AIP-134: a PATCH derives %s', async (_, query, body, mask) => {
  const answer = JSON.parse((await call('PATCH', `/things/7${query}`, json(body))).text);
  expect([answer.thing.aString, answer.updateMask]).toEqual(['7', mask]);
});

test('AIP-134: allow_missing is a parameter, and other methods derive nothing', async () => {
  const patch = await call('PATCH', '/things/7?allow_missing=true', json({ anInt32: 1 }));
  expect(patch.json).toEqual({
    thing: { aString: '7', anInt32: 1 },
    updateMask: 'anInt32',
    allowMissing: true,
  });
  expect((await call('POST', '/things/7', json({ anInt32: 1 }))).text).not.toContain('updateMask');
  const whole = await call('PATCH', '/all', json({ thing: { anInt32: 1 } }));
  expect(whole.json).toEqual({ thing: { anInt32: 1 } });
});
