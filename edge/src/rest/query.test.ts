import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { send } from '../testing/http.ts';
import { limits, startLibrary, type Library } from '../testing/library.ts';

let library: Library;
let lenient: Library;
beforeAll(async () => {
  [library, lenient] = await Promise.all([startLibrary(), startLibrary({ unknownQuery: 'ignore' })]);
});
afterAll(() => Promise.all([library.stop(), lenient.stop()]));

const echo = (query: string) => send(library.url, 'GET', `/v1/echo?${query}`);

// google/api/http.proto: "fields which are not bound by the path template become query parameters".
test.each<[string, string, unknown]>([
  ['either spelling', 'anInt32=-5&a_string=s', { anInt32: -5, aString: 's' }],
  ['escapes and plus signs', 'aString=a+b%2Bc%26%3D', { aString: 'a b+c&=' }],
  ['names with escapes', '%61String=a', { aString: 'a' }],
  ['a JSON name of its own', '@other-name=x', { '@other-name': 'x' }],
  ['names that are code elsewhere', 'constructor=c&__proto__=p', { constructor: 'c', ['__proto__']: 'p' }],
  ['a value without an equals sign', 'strings', { strings: [''] }],
  ['a value with one', 'aString=a=b', { aString: 'a=b' }],
  ['empty parameters, which are none', '&&aString=a&', { aString: 'a' }],
  [
    'nested fields',
    'inner.parent.inner.number_of_things=3&inner.name=n',
    { inner: { name: 'n', parent: { inner: { numberOfThings: 3 } } } },
  ],
  ['lists', 'ints=1&ints=2&colors=RED&colors=-2', { ints: [1, 2], colors: ['RED', 'BLUE'] }],
  [
    'lists of well-known types',
    'times=2024-01-02T03:04:05Z&times=2024-01-02T03:04:06Z',
    { times: ['2024-01-02T03:04:05Z', '2024-01-02T03:04:06Z'] },
  ],
  [
    'numbers as JSON has them',
    'aDouble=1.5e3&aUint32=4294967295&anInt64=9223372036854775807&aUint64=1e3',
    { aDouble: 1500, aUint32: 4294967295, anInt64: '9223372036854775807', aUint64: '1000' },
  ],
  ['NaN and infinities', 'aDouble=NaN&aFloat=-Infinity', { aDouble: 'NaN', aFloat: '-Infinity' }],
  ['bools', 'aBool=true', { aBool: true }],
  [
    'enums by name, by alias and by number',
    'color=CRIMSON&colors=1&colors=7',
    { color: 'RED', colors: ['RED', 7] },
  ],
  [
    'bytes in base64 and base64url',
    'someBytes=-_8&byteList=%2B/8=&byteList=',
    { someBytes: '+/8=', byteList: ['+/8=', ''] },
  ],
  [
    'wrappers',
    'longWrapper=5&boolWrapper=false&stringWrapper=&floatWrapper=0.1&bytesWrapper=AA',
    { longWrapper: '5', boolWrapper: false, stringWrapper: '', floatWrapper: 0.1, bytesWrapper: 'AA==' },
  ],
  [
    'times and masks',
    'time=2024-01-02T03:04:05%2B01:00&duration=1.5s&mask=an_int32,aString',
    { time: '2024-01-02T02:04:05Z', duration: '1.500s', mask: 'anInt32,aString' },
  ],
  ['presence', 'maybeInt=0&maybeString=', { maybeInt: 0, maybeString: '' }],
  [
    'a member of a oneof',
    'oneInner.name=n&oneInner.numberOfThings=1',
    { oneInner: { name: 'n', numberOfThings: 1 } },
  ],
])('http.proto: a query has %s', async (_, query, body) => {
  const answer = await echo(query);
  expect([answer.status, answer.json]).toEqual([200, body]);
});

test.each<[string, string, string]>([
  ['an unknown parameter', 'nope=1', 'nope: is no parameter of this method'],
  ['an unknown nested one', 'inner.nope=1', 'inner.nope: is no parameter of this method'],
  ['one below a scalar', 'aString.x=1', 'aString.x: is no parameter of this method'],
  ['one below a list', 'inners.name=1', 'inners.name: is no parameter of this method'],
  ['two values for one field', 'anInt32=1&an_int32=2', 'an_int32: has two values, and takes one'],
  [
    'two members of a oneof',
    'oneString=a&oneInt=1',
    'oneInt: excludes oneString: only one of them can be set',
  ],
  [
    'two members of a oneof, one a message',
    'oneInner.name=a&oneInt=1',
    'oneInt: excludes oneInner: only one of them can be set',
  ],
  ['a map', 'labels.a=1', 'labels.a: is a map, which a query cannot hold'],
  ['a Struct', 'struct.a=1', 'struct.a: is a google.protobuf.Struct, which a query cannot hold'],
  ['a Value', 'value=1', 'value: is a google.protobuf.Value, which a query cannot hold'],
  ['an Any', 'any=1', 'any: is a google.protobuf.Any, which a query cannot hold'],
  ['a message', 'inner=1', 'inner: is a message: name one of its fields, as in inner.name'],
  ['a list of messages', 'inners=1', 'inners: is a list of messages, which a query cannot hold'],
  [
    'a name too deep',
    `${'inner.parent.'.repeat(60)}anInt32=1`,
    `${'inner.parent.'.repeat(60).slice(0, 100)}: is nested deeper than ${limits.jsonDepth} levels`,
  ],
  ['no name at all', '=x', '"": is no parameter of this method'],
  ['no integer', 'anInt32=x', 'anInt32: must be an integer'],
  ['hexadecimal', 'anInt32=0x10', 'anInt32: must be an integer'],
  ['no value where one must be', 'anInt32=', 'anInt32: must be an integer'],
  ['1 for true', 'aBool=1', 'aBool: must be true or false, not a string'],
  ['an unknown enum value', 'color=GREEN', 'color: has no value "GREEN" in acme.v1.Color'],
  ['no UTF-8', 'aString=%ff', 'aString: is not valid UTF-8'],
  ['a malformed escape', 'aString=%a', 'aString: has a malformed percent-escape'],
  ['no time', 'time=2024-02-30T00:00:00Z', 'time: is not a valid date and time'],
])('a query is refused: %s', async (_, query, message) => {
  const answer = await echo(query);
  expect([answer.status, answer.json.error]).toMatchObject([400, { status: 'INVALID_ARGUMENT', message }]);
  expect(answer.json.error.details[1]).toMatchObject({
    '@type': 'type.googleapis.com/google.rpc.BadRequest',
    fieldViolations: [{ field: message.slice(0, message.indexOf(': ')) }],
  });
});

test('unknown parameters can be ignored, wrong ones cannot', async () => {
  const query = (text: string) => send(lenient.url, 'GET', `/v1/echo?${text}`);
  expect((await query('nope=1&inner.nope=%zz&anInt32=1')).status).toBe(400);
  expect((await query('nope=1&inner.nope=2&anInt32=1')).json).toEqual({ anInt32: 1 });
  expect((await query('labels.a=1')).status).toBe(400);
});

// AIP-158: page tokens and sizes are fields like any other.
test('AIP-158: page_size and page_token are parameters', async () => {
  const answer = await send(library.url, 'GET', '/v1/books?pageSize=5&page_token=a%2Fb%3D');
  expect(JSON.parse(answer.text)).toMatchObject({ nextPageToken: '{"pageSize":5,"pageToken":"a/b="}' });
});
