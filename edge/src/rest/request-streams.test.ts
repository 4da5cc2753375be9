import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '@weft/chassis/testing/eventually';
import { send } from '../testing/http.ts';
import { limits, quiet, startLibrary, type Library } from '../testing/library.ts';
import { rulesFixture } from '../testing/rules.ts';

let books: Library;
let rules: Library;
beforeAll(async () => {
  [books, rules] = await Promise.all([startLibrary(), startLibrary({}, rulesFixture())]);
});
afterAll(() => Promise.all([books.stop(), rules.stop()]));

const ndjson = 'application/x-ndjson';
const post = (
  library: Library,
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
) => send(library.url, 'POST', path, { body, headers: { 'content-type': 'application/json', ...headers } });
const upload = (body: string | Uint8Array, headers?: Record<string, string>) =>
  post(books, '/v1/books:upload', body, headers);

test.each<[string, string, string | undefined, string[]]>([
  ['an array', '[{"book":{"title":"a"}},{"book":{"title":"b"}}]', undefined, ['a', 'b']],
  ['an array with room in it', ' \r\n[ {"book" : {"title":"a"}}\n ,\t{} ] \n', undefined, ['a', '']],
  ['what looks like structure in strings', '[{"book":{"title":"],\\\\\\"{[,"}}]', undefined, ['],\\"{[,']],
  ['an empty array', '[]', undefined, []],
  ['an empty array with room', '[ ]', undefined, []],
  ['no body', '', undefined, []],
  ['lines', '{"book":{"title":"a"}}\n{"book":{"title":"b"}}\n', ndjson, ['a', 'b']],
  [
    'lines without a last end, and blank ones',
    '{"book":{"title":"a"}}\r\n\r\n \n{}',
    'application/jsonl',
    ['a', ''],
  ],
  ['lines that do not say so', '{"book":{"title":"a"}}\n{"book":{"title":"b"}}', undefined, ['a', 'b']],
  ['a byte order mark', '\ufeff[{"book":{"title":"é"}}]', undefined, ['é']],
])('a stream of requests is %s', async (_, body, type, titles) => {
  const answer = await upload(body, type === undefined ? {} : { 'content-type': type });
  expect([answer.status, JSON.parse(answer.text)]).toEqual([
    200,
    titles.length === 0 ? {} : { count: titles.length, titles },
  ]);
});

test('messages may be cut anywhere between parts of the body', async () => {
  const body = Buffer.from('\ufeff[{"book":{"title":"é\\"]"}} , {"book":{"title":"b"}}]');
  const sent = open(books, '/v1/books:upload');
  for (const byte of body) {
    sent.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  sent.end();
  expect(JSON.parse(await textOf(sent))).toEqual({ count: 2, titles: ['é"]', 'b'] });
});

test.each<[string, string, number, string]>([
  ['a field', '[{},{},{},{"book":{"title":5}}]', 400, '[3].book.title: must be a string, not a number'],
  ['a message', '[{},5]', 400, '[1]: must be an object (acme.v1.UploadBooksRequest), not a number'],
  ['its syntax', '[{},{"a"}]', 400, '[1]: is not valid JSON at line 1, column 5'],
  [
    'a missing one',
    '[{},,{}]',
    400,
    'the body is not valid JSON: there is nothing where element [1] should be',
  ],
  [
    'a comma too many',
    '[{},]',
    400,
    'the body is not valid JSON: there is nothing where element [1] should be',
  ],
  ['a brace that closes nothing', '[{},}', 400, 'the body is not valid JSON in element [1]'],
  ['what follows', '[{}] {}', 400, 'the body is not valid JSON: something follows the array'],
  ['the missing end', '[{},{}', 400, 'the body is not valid JSON: it ends too early'],
  [
    'a long one',
    `[{},{"book":{"title":"${'x'.repeat(limits.requestBytes)}"}}]`,
    413,
    `message [1] is larger than ${limits.requestBytes} bytes`,
  ],
  ['its depth', `[{"x":${'['.repeat(100)}${']'.repeat(100)}}]`, 400, '[0]: is nested deeper than 100 levels'],
  ['its elements', `[{"x":[${'1,'.repeat(1_000)}1]}]`, 400, '[0]: has more than 1000 members and elements'],
])('a fault in a stream of requests names %s', async (_, body, status, message) => {
  const answer = await upload(body);
  expect([answer.status, answer.json.error.message]).toEqual([status, message]);
});

test('a stream of requests of another type is refused', async () => {
  const answer = await upload('a=1', { 'content-type': 'application/x-www-form-urlencoded' });
  expect([answer.status, answer.headers['accept']]).toEqual([415, 'application/json, application/x-ndjson']);
});

test('the whole may be larger than the limit of one message, also compressed', async () => {
  const line = `${JSON.stringify({ book: { title: 't'.repeat(1_000) } })}\n`;
  const body = line.repeat(500);
  expect(body.length).toBeGreaterThan(limits.requestBytes * 4);
  for (const headers of [{}, { 'content-encoding': 'gzip' }]) {
    const answer = await upload('content-encoding' in headers ? gzipSync(body) : body, headers);
    expect(JSON.parse(answer.text)).toMatchObject({ count: 500 });
  }
});

test('what fails upstream in the middle is the answer', async () => {
  const answer = await upload('[{},{"failCode":9},{}]');
  expect([answer.status, answer.json.error.status, answer.json.error.message]).toEqual([
    400,
    'FAILED_PRECONDITION',
    'the upload broke',
  ]);
});

test('messages go on before the body ends, and a slow upstream holds the client back', async () => {
  const before = books.taken();
  const sent = open(books, '/v1/books:upload');
  sent.on('error', () => undefined);
  sent.write(`{"book":{"title":"first"}}\n{"failCode":${quiet}}\n`);
  await eventually(async () => expect(books.taken() - before).toBe(2));
  const line = `${JSON.stringify({ book: { title: 't'.repeat(50_000) } })}\n`;
  let written = 0;
  while (written < 2_000 && sent.write(line)) written++;
  for (; written < 2_000; written++) {
    const drained = await Promise.race([once(sent, 'drain').then(() => true), pause(300)]);
    if (drained !== true) break;
    while (written < 2_000 && sent.write(line)) written++;
  }
  // 100 MB would have been let through; buffers on the way hold some of it.
  expect(written).toBeLessThan(600);
  sent.destroy();
});

test('a client that leaves in the middle of its requests cancels the call', async () => {
  const before = books.taken();
  const sent = open(books, '/v1/books:upload');
  sent.on('error', () => undefined);
  sent.write('[{},');
  await eventually(async () => expect(books.taken() - before).toBe(1));
  const cancelled = books.nextCancel();
  sent.destroy();
  await cancelled;
});

test('both ways at once: each message is answered before the next is sent', async () => {
  const sent = open(books, '/v1/chat', { accept: ndjson });
  sent.write('{"text":"a"}\n');
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const texts = answer[Symbol.asyncIterator]();
  expect(String((await texts.next()).value)).toBe('{"text":"a"}\n');
  sent.write('{"text":"b","replies":2}\n');
  expect(String((await texts.next()).value)).toContain('{"text":"b"}\n');
  sent.end();
  for (let rest = await texts.next(); rest.done !== true; rest = await texts.next());
});

test.each<[string, RegExp]>([
  [ndjson, /^\{"error":\{"code":400,"message":"\[1\]\.text: must be a string, not a number"/],
  ['text/event-stream', /^event: error\ndata: \{"error":\{"code":400,"message":"\[1\]\.text: must be/],
])('both ways, as %s: a fault in a later request is the last thing', async (accept, expected) => {
  const sent = open(books, '/v1/chat', { accept });
  sent.write('{"text":"a"}\n');
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const texts = answer[Symbol.asyncIterator]();
  expect(String((await texts.next()).value)).toContain('{"text":"a"}\n');
  sent.write('{"text":5}\n');
  expect(String((await texts.next()).value)).toMatch(expected);
  sent.destroy();
});

test('path and query go into every message of a stream', async () => {
  const answer = await post(rules, '/mirror/p?anInt32=5', '[{"name":"a"},{"name":"b"}]');
  const beside = { aString: 'p', anInt32: 5 };
  expect(answer.json).toEqual([
    { ...beside, inner: { name: 'a' } },
    { ...beside, inner: { name: 'b' } },
  ]);
  const lists = await post(rules, '/mirror:strings', '[["a"],[]]');
  expect(lists.json).toEqual([{ strings: ['a'] }, {}]);
  const field = await post(rules, '/mirror', '[{"inner":{"name":"a"}},{}]');
  expect(field.json).toEqual([{ name: 'a' }, null]);
});

test('a stream without a body clause is one message of path and query', async () => {
  const answer = await send(rules.url, 'GET', '/mirror/p?anInt32=5');
  expect(answer.json).toEqual([{ aString: 'p', anInt32: 5 }]);
});

test('a wrong parameter is refused before anything is sent', async () => {
  const answer = await post(rules, '/mirror/p?anInt32=x', '[{}]');
  expect([answer.status, answer.json.error.message]).toEqual([400, 'anInt32: must be an integer']);
});

test('HttpBody: a body goes up in parts as it is, and comes down so', async () => {
  const body = Buffer.alloc(200_000, 'ab');
  const headers = { 'content-type': 'image/x' };
  for (const [path, names] of [
    ['/upload/n?note=x', ['n x']],
    ['/raw', [' ']],
  ] as const) {
    const answer = JSON.parse((await post(rules, path, body, headers)).text);
    expect(answer).toMatchObject({ text: body.toString(), names, types: ['image/x'] });
    expect(answer.parts).toBeGreaterThan(1);
  }
  const none = await post(rules, '/upload/n', '', headers);
  expect(JSON.parse(none.text)).toEqual({ parts: 1, names: ['n '], types: ['image/x'] });
  const down = await send(rules.url, 'GET', '/download?text=a&count=3&contentType=text/x');
  expect([down.headers['content-type'], down.text]).toEqual(['text/x', 'a0a1a2']);
  const empty = await send(rules.url, 'GET', '/download');
  expect([empty.status, empty.headers['content-type'], empty.text]).toEqual([
    200,
    'application/octet-stream',
    '',
  ]);
});

/** A POST of lines whose body is written bit by bit. */
function open(library: Library, path: string, headers: Record<string, string> = {}): ClientRequest {
  const type = path.includes('upload') && headers['accept'] === undefined ? 'application/json' : ndjson;
  return request({
    port: library.port,
    host: '127.0.0.1',
    method: 'POST',
    path,
    agent: false,
    headers: { 'content-type': type, ...headers },
  });
}

async function textOf(sent: ClientRequest): Promise<string> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
