import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { contractOf } from '../testing/schema.ts';
import { decodeCapture } from './captures.ts';
import { parsePathTemplate, type TemplateError } from './path-template.ts';
import { RouteConflict, RouteTable } from './route-table.ts';
import { buildRoutes, type RouteError } from './routes.ts';

test.each([
  ['/v1/shelves', ['shelves'], ''],
  ['/v1/{a}', ['*'], ''],
  ['/v1/{a.b.c=x/*/y/**}:read', ['x', '*', 'y', '**'], 'read'],
  ['/v1/a:b:c', ['a:b'], 'c'],
  ['/v1/**', ['**'], ''],
  ['/v1/a:b/{c}', ['a:b', '*'], ''],
  ['/v1/é', ['%C3%A9'], ''],
])('the template %s has the segments %j and the verb %j', (text, segments, verb) => {
  const template = parsePathTemplate(text);
  expect(template.segments.slice(1).map((s) => (s.kind === 'literal' ? s.text : s.kind))).toEqual(segments);
  expect(template.verb).toBe(verb);
});

test.each([
  ['v1', 1, 'must start with "/"'],
  ['', 1, 'must start with "/"'],
  ['/v1//a', 5, 'the segment is empty'],
  ['/v1/', 5, 'the segment is empty'],
  ['/v1/{a', 7, 'expected "}", found the end'],
  ['/v1/{}', 6, 'expected a field name'],
  ['/v1/{1a}', 6, 'expected a field name'],
  ['/v1/{a.}', 8, 'expected a field name'],
  ['/v1/{a=}', 8, 'the segment is empty'],
  ['/v1/{a={b}}', 8, '"{" is not allowed in a literal'],
  ['/v1/{a=**}/b', 12, 'nothing but a verb may follow "**"'],
  ['/v1/**/b', 8, 'nothing but a verb may follow "**"'],
  ['/v1/{a}/{a}', 9, 'the field a is bound twice'],
  ['/v1/a*', 6, '"*" is not allowed in a literal'],
  ['/v1/a}', 6, '"}" is not allowed in a literal'],
  ['/v1/a:', 7, 'the verb is empty'],
  ['/v1/a?b', 6, '"?" is not allowed in a literal'],
  ['/v1/a%2', 6, '"%" is not allowed in a literal'],
  ['/v1/{a}b', 8, 'expected "/", found "b"'],
])('the template %s is refused at column %i: %s', (text, column, message) => {
  const error = caught(() => parsePathTemplate(text)) as TemplateError;
  expect([error.name, error.column, error.message]).toEqual(['TemplateError', column, message]);
});

const paths = [
  'GET /v1/books',
  'POST /v1/books',
  'GET /v1/books/{id}',
  'DELETE /v1/books/{id}',
  'GET /v1/books/mine',
  'POST /v1/books/{id}:lend',
  'GET /v1/books/{id}/pages/last',
  'GET /v1/books/mine/{x}/first',
  'GET /v1/{name=shelves/*/books/*}',
  'GET /v1/files/{path=**}',
  'GET /v1/files/{path=**}:raw',
  'GET /v1/files/readme',
  'GET /v1/{rest=**}',
  'REPORT /v1/books',
  '* /any/{x}',
  'GET /esc/a%2Fb',
  'GET /',
];
const table = new RouteTable<string>();
for (const route of paths) {
  const [method = '', template = ''] = route.split(' ');
  table.add(method, parsePathTemplate(template), route);
}

test.each([
  ['GET', '/v1/books', 'GET /v1/books', []],
  ['HEAD', '/v1/books', 'GET /v1/books', []],
  ['REPORT', '/v1/books', 'REPORT /v1/books', []],
  ['GET', '/v1/books/42', 'GET /v1/books/{id}', ['42']],
  // Literal over variable, but the method decides.
  ['GET', '/v1/books/mine', 'GET /v1/books/mine', []],
  ['DELETE', '/v1/books/mine', 'DELETE /v1/books/{id}', ['mine']],
  // Backtracking: `mine` leads nowhere here.
  ['GET', '/v1/books/mine/pages/last', 'GET /v1/books/{id}/pages/last', ['mine']],
  ['GET', '/v1/books/mine/pages/first', 'GET /v1/books/mine/{x}/first', ['pages']],
  // The verb is what follows the last colon, if it exists there.
  ['POST', '/v1/books/a:b:lend', 'POST /v1/books/{id}:lend', ['a:b']],
  ['GET', '/v1/books/a:borrow', 'GET /v1/books/{id}', ['a:borrow']],
  ['GET', '/v1/books/a:', 'GET /v1/books/{id}', ['a:']],
  ['GET', '/v1/books/a%3Alend', 'GET /v1/books/{id}', ['a%3Alend']],
  ['GET', '/v1/shelves/1/books/2', 'GET /v1/{name=shelves/*/books/*}', ['shelves/1/books/2']],
  ['GET', '/v1/files', 'GET /v1/files/{path=**}', ['']],
  ['GET', '/v1/files/a/b', 'GET /v1/files/{path=**}', ['a/b']],
  ['GET', '/v1/files/a/b:raw', 'GET /v1/files/{path=**}:raw', ['a/b']],
  ['GET', '/v1/files/readme', 'GET /v1/files/readme', []],
  // Never normalised.
  ['GET', '/v1/files/a//b/../%2e%2E/\\', 'GET /v1/files/{path=**}', ['a//b/../%2e%2E/\\']],
  ['GET', '/v1/../v1/books', 'GET /v1/{rest=**}', ['../v1/books']],
  ['GET', '/v1/%62ooks', 'GET /v1/{rest=**}', ['%62ooks']],
  ['LOCK', '/any/1', '* /any/{x}', ['1']],
  ['GET', '/esc/a%2fb', 'GET /esc/a%2Fb', []],
  ['GET', '/', 'GET /', []],
])('%s %s is %s with %j', (method, path, value, captures) => {
  expect(table.match(method, path)).toEqual({ kind: 'found', value, captures });
});

test.each([
  ['GET', '/v2/books'],
  ['GET', ''],
  ['GET', 'v1/books'],
  ['GET', '/any/'],
  ['GET', '/any//'],
  ['GET', '/esc/a%2Fb/'],
])('%s %s has no route', (method, path) => {
  expect(table.match(method, path)).toEqual({ kind: 'none' });
});

test.each([
  ['PUT', '/v1/books', ['GET', 'HEAD', 'POST', 'REPORT']],
  ['POST', '/v1/books/1', ['DELETE', 'GET', 'HEAD']],
  // The verb exists here, so the colon is no part of an id that could be deleted.
  ['DELETE', '/v1/books/a:lend', ['POST']],
])('%s %s is a wrong method: %j', (method, path, allow) => {
  const match = table.match(method, path);
  expect(match.kind).toBe('wrong-method');
  expect(match.kind === 'wrong-method' && match.allow.filter((m) => allow.includes(m))).toEqual(allow);
});

test('two templates for the same requests are a conflict, whatever their variables are called', () => {
  expect(() => table.add('GET', parsePathTemplate('/v1/books/{other}'), 'x')).toThrow(RouteConflict);
});

test.each([
  ['a%2Fb', false, 'a/b'],
  ['a%2Fb%20c', true, 'a%2Fb c'],
  ['a%2fb/%252F', true, 'a%2fb/%2F'],
  ['%E2%82%AC', false, '€'],
  ['a+b', false, 'a+b'],
  ['%2e%2E', false, '..'],
])('the capture %s (multi: %s) is %s', (raw, multi, text) => {
  expect(decodeCapture(raw, multi)).toBe(text);
});

test.each([
  ['%', 'has a malformed percent-escape'],
  ['%zz', 'has a malformed percent-escape'],
  ['%C3', 'is not valid UTF-8'],
  ['%ED%A0%80', 'is not valid UTF-8'],
  ['%C0%AF', 'is not valid UTF-8'],
])('the capture %s is refused: %s', (raw, message) => {
  expect(() => decodeCapture(raw, false)).toThrow(message);
  expect(() => decodeCapture(raw, true)).toThrow(message);
});

test('every bad rule stops the start, with file, method and column', () => {
  const contract = contractOf(`
    rpc A(Request) returns (Request) { option (google.api.http) = {get: "/v1/{a"}; option (weft.v1.access) = {public: true}; }
    rpc B(Request) returns (Request) { option (google.api.http) = {get: "/v1/{nope}"}; option (weft.v1.access) = {public: true}; }
    rpc C(Request) returns (Request) { option (google.api.http) = {get: "/v1/{list}"}; option (weft.v1.access) = {public: true}; }
    rpc D(Request) returns (Request) { option (google.api.http) = {get: "/v1/{inner}"}; option (weft.v1.access) = {public: true}; }
    rpc E(Request) returns (Request) { option (google.api.http) = {post: "/v1/e" body: "nope"}; option (weft.v1.access) = {public: true}; }
    rpc F(Request) returns (Request) { option (google.api.http) = {get: "/v1/x/{a}"}; option (weft.v1.access) = {public: true}; }
    rpc G(Request) returns (Request) { option (google.api.http) = {get: "/v1/x/{b}"}; option (weft.v1.access) = {user: true}; }
    rpc H(Request) returns (Request) { option (google.api.http) = {custom: {kind: "A B" path: "/h"}}; option (weft.v1.access) = {public: true}; }
  `);
  const error = caught(() => buildRoutes(contract)) as RouteError;
  expect(error.faults).toEqual([
    'test/v1/test.proto: test.v1.Test.A: "/v1/{a", column 7: expected "}", found the end',
    'test/v1/test.proto: test.v1.Test.B: "/v1/{nope}", column 5: the variable {nope}: there is no field "nope"',
    'test/v1/test.proto: test.v1.Test.C: "/v1/{list}", column 5: the variable {list}: "list" is repeated or a map',
    'test/v1/test.proto: test.v1.Test.D: "/v1/{inner}", column 5: the variable {inner} is a message, test.v1.Request',
    'test/v1/test.proto: test.v1.Test.E: body: test.v1.Request has no field "nope"',
    'test/v1/test.proto: test.v1.Test.G: "/v1/x/{b}", column 1: GET /v1/x/{b} test.v1.Test/G ' +
      'matches the same requests as GET /v1/x/{a} test.v1.Test/F in test/v1/test.proto',
    'test/v1/test.proto: test.v1.Test.H: the custom kind "A B" is no HTTP method',
  ]);
});

test('methods without an access rule or for services alone get no route, methods that stream do', () => {
  const { list, skipped } = buildRoutes(
    contractOf(`
      rpc A(Request) returns (Request) { option (google.api.http) = {get: "/a"}; }
      rpc B(Request) returns (Request) { option (google.api.http) = {get: "/b"}; option (weft.v1.access) = {services: "x"}; }
      rpc C(stream Request) returns (Request) { option (google.api.http) = {post: "/c" body: "*"}; option (weft.v1.access) = {public: true}; }
      rpc D(Request) returns (Request) { option (weft.v1.access) = {public: true}; }
      rpc E(Request) returns (stream Request) { option (google.api.http) = {get: "/e"}; option (weft.v1.access) = {public: true}; }`),
  );
  expect(list.map((route) => route.method.path)).toEqual(['/test.v1.Test/C', '/test.v1.Test/E']);
  expect(skipped.map(({ path, reason }) => `${path} ${reason}`)).toEqual([
    '/test.v1.Test/A the contract lets nobody call it',
    '/test.v1.Test/B it is for services alone',
  ]);
});

test('a look-up among 10,000 routes costs about what it costs among 10', () => {
  const cost = (size: number) => {
    const routes = new RouteTable<number>();
    for (let i = 0; i < size; i++)
      routes.add('GET', parsePathTemplate(`/v1/things${i}/{id}/parts/{part}`), i);
    let best = Infinity;
    for (let round = 0; round < 5; round++) {
      const start = process.cpuUsage().user;
      for (let i = 0; i < 20_000; i++) routes.match('GET', `/v1/things${i % size}/1/parts/2`);
      best = Math.min(best, process.cpuUsage().user - start);
    }
    return best;
  };
  // The first tables warm the compiler up.
  cost(10);
  const [few, many] = [cost(10), cost(10_000)];
  process.stderr.write(`figures: ${few / 20} ns a look-up among 10 routes, ${many / 20} ns among 10,000\n`);
  expect(many).toBeLessThan(few * 8);
});

test('no path makes the table throw, and a found route matches its template', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('GET', 'POST', 'HEAD', 'X'),
      fc.array(
        fc.constantFrom(
          'v1',
          'books',
          'mine',
          'files',
          'a',
          '',
          ':',
          'b:lend',
          '%',
          '%2F',
          '..',
          '*',
          '**',
          '{id}',
        ),
      ),
      (method, segments) => {
        const path = `/${segments.join('/')}`;
        const match = table.match(method, path);
        const captures = match.kind === 'found' ? match.captures : [];
        expect(captures.filter((capture) => !path.includes(capture))).toEqual([]);
      },
    ),
  );
});

function caught(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
