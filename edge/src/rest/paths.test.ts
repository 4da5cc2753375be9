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

// google/api/http.proto, "Path template syntax"; ProtoJSON for the text of each type.
test.each<[string, string, unknown]>([
  ['an int64 keeps its digits', '/capture/long/-9223372036854775808', { anInt64: '-9223372036854775808' }],
  ['an int64 may have an exponent', '/capture/long/1e3', { anInt64: '1000' }],
  ['a bool is true or false', '/capture/bool/true', { aBool: true }],
  ['an enum is a name', '/capture/enum/RED', { color: 'RED' }],
  ['an enum may be an alias', '/capture/enum/CRIMSON', { color: 'RED' }],
  ['an enum may be a number', '/capture/enum/-2', { color: 'BLUE' }],
  ['bytes are base64url', '/capture/bytes/-_8', { someBytes: '+/8=' }],
  ['bytes are base64, its slash escaped', '/capture/bytes/+%2F8=', { someBytes: '+/8=' }],
  ['a wrapper is its value', '/capture/wrapper/0', { longWrapper: '0' }],
  ['a Timestamp is RFC 3339', '/capture/time/2024-01-02T03:04:05Z', { time: '2024-01-02T03:04:05Z' }],
  [
    'a Timestamp may have its colons escaped',
    '/capture/time/2024-01-02T03%3A04%3A05Z',
    { time: '2024-01-02T03:04:05Z' },
  ],
  ['a FieldMask takes both spellings', '/capture/mask/an_int32,aString', { mask: 'anInt32,aString' }],
  ['a variable may be inside of a oneof', '/capture/oneof/n', { oneInner: { name: 'n' } }],
  ['a variable may be deep', '/capture/deep/n', { inner: { parent: { inner: { name: 'n' } } } }],
  ['an optional field is set also to what looks like nothing', '/capture/optional/%20', { maybeString: ' ' }],
  [
    'several segments keep %2F and decode the rest once',
    '/capture/many/a/b%2Fc%20d%2520:verb',
    { aString: 'a/b%2Fc d%20' },
  ],
  ['`**` takes no segment too', '/capture/many/a:verb', { aString: 'a' }],
  ['a colon that is no verb belongs to the value', '/capture/optional/x:y', { maybeString: 'x:y' }],
  ['a plus is a plus', '/capture/optional/a+b', { maybeString: 'a+b' }],
  ['dots are data', '/capture/optional/..', { maybeString: '..' }],
  ['escaped dots are data', '/capture/optional/%2e%2E', { maybeString: '..' }],
  ['a backslash is data', '/capture/optional/a%5Cb', { maybeString: 'a\\b' }],
  ['a NUL is data', '/capture/optional/%00', { maybeString: '\0' }],
])('http.proto: %s', async (_, path, body) => {
  const answer = await call('GET', path);
  expect([answer.status, answer.json]).toEqual([200, body]);
});

test.each<[string, string, string]>([
  ['a path over the query', '/capture/long/5?anInt64=6', '{"anInt64":"5"}'],
  [
    'a path over another member of its oneof in the query',
    '/capture/oneof/n?oneInt=1',
    '{"oneInner":{"name":"n"}}',
  ],
  [
    'the query beside a path',
    '/capture/oneof/n?oneInner.numberOfThings=1',
    '{"oneInner":{"name":"n","numberOfThings":1}}',
  ],
])('http.proto: %s', async (_, path, text) => {
  expect((await call('GET', path)).text).toBe(text);
});

test('http.proto: a path wins over the body, whose other fields stay', async () => {
  const answer = await call('POST', '/capture/body/n', json({ name: 'b', numberOfThings: 2 }));
  expect(answer.json).toEqual({ oneInner: { name: 'n', numberOfThings: 2 } });
});

test.each<[string, string, number, string]>([
  ['an empty segment is no variable', '/capture/optional/', 404, 'there is nothing at this path'],
  ['a trailing slash is another path', '/capture/optional/a/', 404, 'there is nothing at this path'],
  ['two slashes are two', '//capture/optional/a', 404, 'there is nothing at this path'],
  ['dot segments are not resolved', '/x/../capture/optional/a', 404, 'there is nothing at this path'],
  ['a literal is not decoded', '/%63apture/optional/a', 404, 'there is nothing at this path'],
  ['a malformed escape', '/capture/optional/%f', 400, 'maybeString: has a malformed percent-escape'],
  ['an overlong escape', '/capture/optional/%C0%AF', 400, 'maybeString: is not valid UTF-8'],
  ['no integer', '/capture/long/5.5', 400, 'anInt64: must be an integer'],
  [
    'out of range',
    '/capture/long/9223372036854775808',
    400,
    'anInt64: is out of the range of int64, -9223372036854775808 to 9223372036854775807',
  ],
  ['no bool', '/capture/bool/1', 400, 'aBool: must be true or false, not a string'],
  ['no enum', '/capture/enum/red', 400, 'color: has no value "red" in acme.v1.Color'],
  ['no base64', '/capture/bytes/a', 400, 'someBytes: is not valid base64'],
  ['no time', '/capture/time/yesterday', 400, 'time: is not an RFC 3339 time such as 2030-01-31T08:30:00Z'],
  ['a wrong field, by its path', '/capture/wrapper/x', 400, 'longWrapper: must be an integer'],
])('a path is refused: %s', async (_, path, status, message) => {
  const answer = await call('GET', path);
  expect([answer.status, answer.json.error.message]).toEqual([status, message]);
});

// http.proto, CustomHttpPattern; RFC 9110, 9.3.2 and 9.3.7.
test('a custom kind is a method of its own, and `*` any', async () => {
  for (const method of ['GET', 'PUT', 'LOCK', 'OPTIONS'])
    expect((await call(method, '/any/x')).json).toEqual({ aString: 'x' });
  const answer = await call('HEAD', '/any/x');
  expect([answer.status, answer.text, answer.headers['content-length']]).toEqual([200, '', '15']);
  expect((await call('HEAD', '/head?aString=x')).status).toBe(200);
  const get = await call('GET', '/head');
  expect([get.status, get.headers['allow']]).toEqual([405, 'HEAD, OPTIONS']);
  expect((await call('OPTIONS', '/options?aString=x')).json).toEqual({ aString: 'x' });
});

test('RFC 9110, 9.3.7: OPTIONS answers what a path allows, and `*` that the server is there', async () => {
  const path = await call('OPTIONS', '/things/1');
  expect([path.status, path.headers['allow'], path.text]).toEqual([204, 'PATCH, POST, OPTIONS', '']);
  const all = await call('OPTIONS', '*');
  expect([all.status, all.headers['allow']]).toEqual([204, 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT']);
  expect((await call('OPTIONS', '/nothing')).status).toBe(404);
});

test('no header and no parameter overrides the method', async () => {
  const headers = {
    'x-http-method-override': 'PATCH',
    'x-method-override': 'PATCH',
    'content-type': 'application/json',
  };
  const answer = await call('POST', '/things/7', { headers, body: '{"anInt32":1}' });
  // A PATCH would have derived a mask.
  expect(answer.json).toEqual({ thing: { aString: '7', anInt32: 1 } });
});
