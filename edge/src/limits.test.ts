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
])('%s is refused and the connection closed', async (_, bytes, status) => {
  const answer = await raw(library.port, bytes);
  expect(answer.split(' ')[1]).toBe(String(status));
});

test.each([
  ['a request that stops half way', 'GET /v1/books HTTP/1.1\r\nhost: x\r\n', 408],
  ['a body that stops half way', 'POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{', 408],
])('%s is refused once it has taken too long', async (_, bytes, status) => {
  const { port } = await start({ limits: { ...limits, headersMs: 300, requestMs: 600 } });
  const answer = await raw(port, bytes);
  expect(answer.split(' ')[1]).toBe(String(status));
});

test('what follows a good request on its connection and is none is refused after its answer', async () => {
  const answers = await raw(library.port, 'GET /v1/books/1 HTTP/1.1\r\nhost: x\r\n\r\nBROKEN\r\n\r\n');
  expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
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

test('a body that is asked for behind another request is asked for in its turn', async () => {
  const second =
    'PUT /v1/files/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}';
  const read = 'GET /v1/files/b HTTP/1.1\r\nhost: x\r\n\r\n';
  const answers = (await raw(library.port, read + second)).split(/(?=HTTP\/1\.1 )/);
  expect(answers.map((answer) => answer.slice(9, 12)).filter((status) => status !== '100')).toEqual([
    '200',
    '200',
  ]);
  expect(answers[0]).toMatch(/\r\n\r\nb$/);
  const old = second.replace('HTTP/1.1', 'HTTP/1.0');
  expect(await raw(library.port, old)).toMatch(/^HTTP\/1\.1 200/);
});

test('an upstream that is away is UNAVAILABLE, without a word about its address', async () => {
  const away = await start();
  away.stopUpstream();
  const answer = await send(away.url, 'POST', '/v1/echo', json({}, { 'x-server-timeout': '1' }));
  expect(answer.status).toBe(503);
  expect(answer.text).not.toMatch(/127\.0\.0\.1|ECONN/);
});

test('a deadline that passes is told without a word about the instance', async () => {
  const answer = await send(library.url, 'POST', '/v1/hang', json({}, { 'x-server-timeout': '0.2' }));
  expect([answer.status, answer.json.error.message]).toEqual([504, 'the deadline passed']);
  expect(answer.text).not.toMatch(/127\.0\.0\.1|pick/);
});

test('above the limit of requests in flight, more are refused at once', async () => {
  const small = await start({ limits: { ...limits, concurrentRequests: 2 } });
  const controller = new AbortController();
  const hanging = [1, 2].map(() =>
    fetch(`${small.url}/v1/hang`, { method: 'POST', signal: controller.signal }).catch(() => undefined),
  );
  let refused = await send(small.url, 'GET', '/v1/books/1');
  while (refused.status === 200) refused = await send(small.url, 'GET', '/v1/books/1');
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
  expect(refused.json.error.details[0]).toMatchObject({ reason: 'OVERLOADED' });
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
  expect(Date.now() - startedAt).toBeLessThan(10_000);
  const lines = (await stream.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines[1].error).toMatchObject({
    code: 503,
    status: 'UNAVAILABLE',
    details: [{ reason: 'SERVER_DRAINING' }],
  });
  await expect(fetch(`${leaving.url}/v1/books/1`)).rejects.toThrow('fetch failed');
});

test('until others have heard, a draining edge serves on, but for streams, and closes each connection', async () => {
  const leaving = await start();
  const drained = leaving.edge.drain(1_000, 300);
  const answer = await send(leaving.url, 'GET', '/v1/books/1');
  expect([answer.status, answer.headers['connection']]).toEqual([200, 'close']);
  const stream = await send(leaving.url, 'GET', '/v1/books:watch?count=1&endless=true');
  expect([stream.status, stream.json.error.details[0]]).toMatchObject([503, { reason: 'SERVER_DRAINING' }]);
  await drained;
  await expect(send(leaving.url, 'GET', '/v1/books/1')).rejects.toThrow('ECONNREFUSED');
});
