import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { json, send } from '../testing/http.ts';
import { startLibrary, type Library } from '../testing/library.ts';
import { corsOrigin } from './cors.ts';

const origin = 'https://app.example.com';
let listed: Library;
let all: Library;
let none: Library;
beforeAll(async () => {
  [listed, all, none] = await Promise.all([
    startLibrary({ corsOrigins: [origin, 'http://localhost:3000'] }),
    startLibrary({ corsOrigins: ['*'] }),
    startLibrary(),
  ]);
});
afterAll(() => Promise.all([listed.stop(), all.stop(), none.stop()]));

const preflight = (library: Library, path: string, headers: Record<string, string> = {}) =>
  send(library.url, 'OPTIONS', path, {
    headers: { origin, 'access-control-request-method': 'PUT', ...headers },
  });

test.each<[string, string, string]>([
  ['a route, by what it has', '/v1/books', 'GET, HEAD, POST'],
  ['a route with a custom method', '/v1/books/1', 'GET, HEAD, PATCH, REPORT'],
  ['an RPC', '/acme.v1.Library/GetBook', 'GET, POST'],
  [
    'a path that is not there, so that its 404 can be seen',
    '/nothing',
    'DELETE, GET, HEAD, PATCH, POST, PUT',
  ],
])('Fetch, CORS: a preflight of %s', async (_, path, methods) => {
  const answer = await preflight(listed, path);
  expect([answer.status, answer.text]).toEqual([204, '']);
  expect(answer.headers).toMatchObject({
    'access-control-allow-origin': origin,
    'access-control-allow-methods': methods,
    'access-control-max-age': '7200',
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  });
  for (const name of ['access-control-allow-headers', 'access-control-allow-credentials'])
    expect(answer.headers).not.toHaveProperty(name);
});

test('Fetch, CORS: headers are allowed by name or prefix, others are left out', async () => {
  const names =
    'Authorization,content-type, x-grpc-web,x-user-agent,grpc-timeout,connect-protocol-version,connect-timeout-ms,idempotency-key,x-any';
  const answer = await preflight(listed, '/v1/books', {
    'access-control-request-headers': `${names}, cookie, x-(evil), `,
  });
  expect(answer.headers['access-control-allow-headers']).toBe(names.toLowerCase().split(/, ?/).join(', '));
});

test('Fetch, CORS: a private network is never opened', async () => {
  const answer = await preflight(listed, '/v1/books', { 'access-control-request-private-network': 'true' });
  expect(answer.headers).not.toHaveProperty('access-control-allow-private-network');
});

test.each<[string, string, string, number]>([
  ['an answer', 'GET', '/v1/books/1', 200],
  ['an error', 'GET', '/v1/nothing', 404],
  ['a refusal', 'POST', '/v1/books', 401],
  ['a wrong method', 'PUT', '/v1/books', 405],
  ['a stream', 'GET', '/v1/books:watch?count=1', 200],
  ['an ordinary OPTIONS', 'OPTIONS', '/v1/books', 204],
])('Fetch, CORS: %s may be read by a page of an allowed origin', async (_, method, path, status) => {
  const answer = await send(listed.url, method, path, {
    headers: { origin },
    ...(method === 'POST' ? json({}, { origin }) : {}),
  });
  expect(answer.status).toBe(status);
  expect(answer.headers['access-control-allow-origin']).toBe(origin);
  expect(answer.headers['vary']).toMatch(/^Origin/);
  expect(answer.headers['access-control-expose-headers']).toMatch(
    /grpc-status, .*x-request-id, .*retry-after, .*\*$/,
  );
});

test('a page of another origin gets no CORS header, and its request is served', async () => {
  for (const other of [
    'https://evil.example.com',
    'null',
    'https://app.example.com.evil.com',
    'http://app.example.com',
  ]) {
    const answer = await send(listed.url, 'GET', '/v1/books/1', { headers: { origin: other } });
    expect([answer.status, answer.headers['vary']]).toEqual([200, 'Origin']);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    const refused = await preflight(listed, '/v1/books', { origin: other });
    expect([refused.status, refused.headers['allow']]).toEqual([204, 'GET, HEAD, POST, OPTIONS']);
    expect(refused.headers).not.toHaveProperty('access-control-allow-origin');
  }
});

test('`*` allows every origin, and answers do not vary by it', async () => {
  for (const headers of [{}, { origin: 'https://any.example.com' }, { origin: 'null' }] as Record<
    string,
    string
  >[]) {
    const answer = await send(all.url, 'GET', '/v1/books/1', { headers });
    expect([answer.headers['access-control-allow-origin'], answer.headers['vary']]).toEqual(['*', undefined]);
  }
  expect((await preflight(all, '/v1/books')).headers['access-control-allow-origin']).toBe('*');
});

test('without origins no answer speaks of CORS', async () => {
  const answer = await preflight(none, '/v1/books');
  expect([answer.status, answer.headers['vary']]).toEqual([204, undefined]);
  expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
});

test.each([
  ['*', '*'],
  ['https://app.example.com', 'https://app.example.com'],
  ['HTTPS://App.Example.com:443', 'https://app.example.com'],
  ['http://localhost:3000', 'http://localhost:3000'],
  ['capacitor://localhost', 'capacitor://localhost'],
])('the origin %s is allowed as %s', (text, expected) => {
  expect(corsOrigin(text)).toBe(expected);
});

test.each([
  'app.example.com',
  'https://app.example.com/',
  'https://*.example.com/x',
  'null',
  'https://a b',
  'https://',
])('the origin %s is a fault of the configuration', (text) => {
  expect(() => corsOrigin(text)).toThrow('which is no origin');
});
