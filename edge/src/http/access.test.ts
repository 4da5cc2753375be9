import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Metadata } from '@grpc/grpc-js';
import type { Mesh } from '@weft/chassis/client/mesh';
import type { Contract } from '@weft/chassis/contract';
import { ServiceError } from '@weft/chassis/errors';
import { loadContract } from '@weft/chassis/load-contract';
import { createLogger } from '@weft/chassis/logger';
import { createEdge, type Edge, type EdgeOptions } from '../edge.ts';
import { json, raw, send } from '../testing/http.ts';
import { startLibrary, type Library } from '../testing/library.ts';
import { compileProtos, contractOf } from '../testing/schema.ts';

let library: Library;
const edges: Edge[] = [];
beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => Promise.all([library.stop(), ...edges.map((edge) => edge.drain(100))]));

const create = (headers: Record<string, string | string[]>, path = '/v1/books') =>
  send(library.url, 'POST', path, {
    ...json({}),
    headers: { 'content-type': 'application/json', ...headers },
  });

test.each(['Bearer user', 'bearer user', 'BEARER  user'])('%j names the user', async (authorization) => {
  expect((await create({ authorization })).status).toBe(200);
});

test.each([
  ['', 'TOKEN_REQUIRED'],
  ['user', 'TOKEN_REQUIRED'],
  ['Basic dXNlcjpwdw==', 'TOKEN_REQUIRED'],
  ['Bearer', 'TOKEN_REQUIRED'],
  ['Bearer user, Bearer librarian', 'TOKEN_REQUIRED'],
  ['Bearer user librarian', 'TOKEN_REQUIRED'],
  ['Bearer us\u00e9r', 'TOKEN_REQUIRED'],
  ['Bearer forged', 'TOKEN_INVALID'],
])('%j names nobody (%s)', async (authorization, reason) => {
  const answer = await create({ authorization: Buffer.from(authorization, 'utf8').toString('latin1') });
  expect([answer.status, answer.json.error.details[0]]).toMatchObject([401, { reason }]);
  // RFC 6750, 3.1: an error is named only where a bearer token came.
  expect(answer.headers['www-authenticate']).toBe(
    reason === 'TOKEN_INVALID' ? 'Bearer error="invalid_token"' : 'Bearer',
  );
});

test('of several authorization headers the first counts, here and upstream', async () => {
  const request = (method: string, path: string, ...tokens: string[]) =>
    `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\ncontent-type: application/json\r\n${tokens
      .map((token) => `authorization: Bearer ${token}\r\n`)
      .join('')}\r\n{}`;
  expect(await raw(library.port, request('POST', '/v1/books', 'forged', 'user'))).toMatch(/^HTTP\/1.1 401/);
  expect(await raw(library.port, request('POST', '/v1/books', 'user', 'forged'))).toMatch(/^HTTP\/1.1 200/);
  const seen = await raw(library.port, request('GET', '/v1/inspect', 'one', 'two'));
  expect(seen).toContain('"authorization":"Bearer one"');
});

test('a token anywhere else is none', async () => {
  for (const name of ['access_token', 'authorization', 'token'])
    expect((await create({}, `/v1/books?${name}=user`)).status).not.toBe(200);
  expect((await create({ cookie: 'access_token=user' })).status).toBe(401);
  expect((await create({ 'grpc-metadata-authorization': 'Bearer user' })).status).toBe(401);
  expect((await create({ 'x-authorization': 'Bearer user' })).status).toBe(401);
});

/** An edge whose upstream answers everything, and what it says in its log. */
async function start(contract: Contract, tokens: EdgeOptions['tokens']) {
  const mesh = {
    unary: async () => ({ message: new Uint8Array(), headers: new Metadata(), trailers: new Metadata() }),
  } as unknown as Mesh;
  const warnings: string[] = [];
  const logger = createLogger({ name: 'edge', level: 'silent' });
  logger.warn = ((first: unknown, second?: unknown) => warnings.push(String(second ?? first))) as never;
  const edge = createEdge({ contract, mesh, tokens, logger });
  edges.push(edge);
  const url = `http://127.0.0.1:${await edge.listen('127.0.0.1', 0)}`;
  const ways = [
    ['GET', '/free', {}],
    ['POST', '/test.v1.Test/Free', json({})],
  ] as const;
  const statuses = async () =>
    Promise.all(ways.map(async ([method, path, sent]) => (await send(url, method, path, sent)).status));
  return { statuses, warnings, again: () => edge.use(contract) };
}

const free = 'rpc Free(Request) returns (Request) { option (google.api.http) = {get: "/free"}; }';
const ruled =
  'rpc Ruled(Request) returns (Request) { option (google.api.http) = {get: "/ruled"}; option (weft.v1.access) = {user: true}; }';
const nobody: EdgeOptions['tokens'] = {
  verify: () => Promise.reject(new ServiceError('UNAUTHENTICATED', 'TOKEN_INVALID', 'no')),
};

test('a method without a rule is there for nobody once there is an issuer, or a rule anywhere', async () => {
  for (const [methods, tokens] of [
    [free, nobody],
    [free + ruled, nobody],
    [free + ruled, undefined],
  ] as const) {
    const { statuses, warnings } = await start(contractOf(methods), tokens);
    expect(await statuses()).toEqual([404, 404]);
    expect(warnings).toEqual([]);
  }
});

test('with neither issuer nor rule every method is open, and the log says so once', async () => {
  const text = `syntax = "proto3"; package test.v1; import "google/api/annotations.proto";
    message Request { string a = 1; } service Test { ${free} }`;
  const contract = loadContract(compileProtos({ 'test/v1/test.proto': text }));
  const { statuses, warnings, again } = await start(contract, undefined);
  again();
  expect(await statuses()).toEqual([200, 200]);
  expect(warnings).toEqual(['the contract has no access rules: every method is open to everyone']);
});
