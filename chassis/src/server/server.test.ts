import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { currentCall } from '../call-context.ts';
import { client } from '../client/client.ts';
import { http2Connect } from '../client/http2-connection.ts';
import { createMesh, type Mesh } from '../client/mesh.ts';
import type { AccessRule } from '../contract.ts';
import { staticResolver } from '../discovery/listed.ts';
import { invalidArgument, ServiceError } from '../errors.ts';
import { createLogger } from '../logger.ts';
import { createAuthority, type Authority } from '../testing/certificates.ts';
import { echoContract, echoDefinition, type JsonValue } from '../testing/echo.ts';
import { tlsIdentity } from '../testing/tls.ts';
import { implement } from './implement.ts';
import { createServer, type GrpcServer } from './server.ts';
import type { TokenVerifier } from './tokens.ts';

const methods = {
  echo: { idempotent: true },
  forward: { timeoutMs: 5_000 },
  wait: { timeoutMs: 5_000 },
  short: { timeoutMs: 80 },
  fail: {},
  count: { responseStream: true },
  endless: { responseStream: true },
  sum: { requestStream: true },
  user: { access: { kind: 'user' } },
  admin: { access: { kind: 'roles', roles: ['admin', 'owner'] } },
  internal: { access: { kind: 'services', services: ['edge'] } },
  denied: { access: { kind: 'denied' } },
} as const;
const definition = echoDefinition('test.Echo', methods);
const contract = echoContract('test.Echo', methods);

/** Tokens here say who they are for: `alice`, or `alice,admin`. */
const tokens: TokenVerifier = {
  async verify(token) {
    if (token === 'expired') throw new ServiceError('UNAUTHENTICATED', 'TOKEN_EXPIRED', 'expired');
    const [id = '', ...roles] = token.split(',');
    return { id, roles, expiresAtMs: Infinity };
  },
};

const log: Record<string, unknown>[] = [];
const logger = createLogger(
  { name: 'test', level: 'warn' },
  { write: (line) => void log.push(JSON.parse(line)) },
);
const aborted = Promise.withResolvers<unknown>();
const streamEnded = Promise.withResolvers<void>();
let authority: Authority;
let server: GrpcServer;
let port: number;
let upstream: Mesh;
const meshes: Mesh[] = [];

beforeAll(async () => {
  authority = await createAuthority();
  const answer = async (request: JsonValue) => request;
  const implementation = implement(definition, {
    echo: async (_, { caller, user, requestId }) => ({
      caller,
      user: user?.id ?? null,
      requestId: requestId ?? null,
    }),
    forward: async (request) => {
      const inner = client(definition, upstream);
      if (request === 'wait') return inner.wait(null, { timeoutMs: 60_000 });
      return inner.user(request);
    },
    wait: async (request, { signal, deadlineMs }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      if (request === 'tell')
        aborted.resolve({ reason: signal.reason, left: (deadlineMs ?? 0) - Date.now() });
      if (request === null) aborted.resolve(signal.reason);
      throw signal.reason;
    },
    short: () => new Promise(() => undefined),
    fail: async (request) => {
      if (request === 'field')
        throw invalidArgument({ field: 'items[0].quantity', description: 'must be positive' });
      if (request === 'busy')
        throw new ServiceError('RESOURCE_EXHAUSTED', 'BUSY', 'later', { retryAfterMs: 1500 });
      if (request === 'surrogate') throw new ServiceError('ABORTED', 'ODD', 'half \ud800 of a pair\n');
      throw new Error('SELECT * FROM secrets');
    },
    async *count(request) {
      for (let i = 0; i < Number(request); i += 1) yield i;
      if (Number(request) === 3) throw new ServiceError('ABORTED', 'THREE', 'not three');
    },
    async *endless() {
      try {
        for (let i = 0; ; i += 1) yield { i, padding: 'x'.repeat(1000) };
      } finally {
        streamEnded.resolve();
      }
    },
    sum: async (requests) => {
      let total = 0;
      for await (const request of requests) total += Number(request);
      return total;
    },
    user: async (request, { user }) => ({
      request,
      user: user?.id ?? null,
      same: currentCall()?.user === user,
    }),
    admin: answer,
    internal: answer,
    denied: answer,
  });
  server = createServer({
    workload: 'echo',
    contract,
    services: [implementation],
    tls: await tlsIdentity(authority, 'echo'),
    trustDomain: 'weft.local',
    tokens,
    logger,
  });
  port = await server.listen('127.0.0.1', 0);
  upstream = await meshOf('echo');
});

afterAll(async () => {
  for (const mesh of meshes) await mesh.close();
  await server.drain(1_000);
});

async function meshOf(workload: string, by: Authority = authority, domain?: string): Promise<Mesh> {
  const tls = await tlsIdentity(by, workload, domain === undefined ? {} : { trustDomain: domain });
  const resolver = staticResolver(new Map([['echo', [`127.0.0.1:${port}`]]]), contract);
  const mesh = createMesh({
    contract,
    resolver,
    connect: http2Connect({ kind: 'mesh', tls }),
    logger: createLogger({ name: 't', level: 'silent' }),
  });
  meshes.push(mesh);
  return mesh;
}

function withToken(token: string): { metadata: string[] } {
  return { metadata: ['authorization', `Bearer ${token}`] };
}

test('a handler sees the caller of the certificate and what came along', async () => {
  const echo = client(definition, await meshOf('edge'));
  expect(await echo.echo({}, { metadata: ['x-request-id', 'r-1'] })).toEqual({
    caller: 'edge',
    user: null,
    requestId: 'r-1',
  });
});

test.each<[keyof typeof methods, AccessRule['kind'], Record<string, string>]>([
  ['echo', 'public', { none: 'OK', expired: 'OK', user: 'OK', admin: 'OK', edge: 'OK' }],
  [
    'user',
    'user',
    { none: 'UNAUTHENTICATED', expired: 'UNAUTHENTICATED', user: 'OK', admin: 'OK', edge: 'UNAUTHENTICATED' },
  ],
  [
    'admin',
    'roles',
    {
      none: 'UNAUTHENTICATED',
      expired: 'UNAUTHENTICATED',
      user: 'PERMISSION_DENIED',
      admin: 'OK',
      edge: 'UNAUTHENTICATED',
    },
  ],
  [
    'internal',
    'services',
    {
      none: 'PERMISSION_DENIED',
      expired: 'PERMISSION_DENIED',
      user: 'PERMISSION_DENIED',
      admin: 'PERMISSION_DENIED',
      edge: 'OK',
    },
  ],
  [
    'denied',
    'denied',
    {
      none: 'PERMISSION_DENIED',
      expired: 'PERMISSION_DENIED',
      user: 'PERMISSION_DENIED',
      admin: 'PERMISSION_DENIED',
      edge: 'PERMISSION_DENIED',
    },
  ],
])('%s (%s) is open to whom the contract says', async (method, _, expected) => {
  const operator = client(definition, await meshOf('operator'));
  const edge = client(definition, await meshOf('edge'));
  const call = operator[method as 'echo'];
  const codes: Record<string, string> = {};
  const record = async (who: string, result: Promise<unknown>) => {
    codes[who] = await result.then(
      () => 'OK',
      (error: ServiceError) => error.code,
    );
  };
  await record('none', call({}));
  await record('expired', call({}, withToken('expired')));
  await record('user', call({}, withToken('alice')));
  await record('admin', call({}, withToken('root,admin')));
  await record('edge', edge[method as 'echo']({}));
  expect(codes).toEqual(expected);
});

test('details and pushback of a ServiceError cross the wire', async () => {
  const echo = client(definition, await meshOf('edge'));
  const field = await echo.fail('field').catch((error: unknown) => error);
  expect(field).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_ARGUMENT',
    domain: 'echo',
    message: 'items[0].quantity: must be positive',
    details: [{ type: 'google.rpc.ErrorInfo' }, { type: 'google.rpc.BadRequest' }],
  });
  await expect(echo.fail('busy')).rejects.toMatchObject({ reason: 'BUSY', retryAfterMs: 1500 });
  await expect(echo.fail('surrogate')).rejects.toMatchObject({ message: 'half \ufffd of a pair\n' });
});

test('what else a handler throws is INTERNAL, told to the log and not to the caller', async () => {
  const echo = client(definition, await meshOf('edge'));
  const error = (await echo.fail('bug').catch((failure: unknown) => failure)) as ServiceError;
  expect(error).toMatchObject({
    code: 'INTERNAL',
    reason: 'INTERNAL',
    message: 'internal error',
    details: [{ type: 'google.rpc.ErrorInfo' }],
  });
  const line = log.find((entry) => entry['method'] === '/test.Echo/fail' && entry['level'] === 'error');
  expect(JSON.stringify(line)).toContain('SELECT * FROM secrets');
});

test('a request that is no valid message is refused, after the access rule', async () => {
  const mesh = await meshOf('operator');
  const call = (path: string) => mesh.unary(path, Buffer.from('{')).catch((error: unknown) => error);
  expect(await call('/test.Echo/echo')).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'MALFORMED_REQUEST',
  });
  expect(await call('/test.Echo/denied')).toMatchObject({ code: 'PERMISSION_DENIED' });
});

test('streams deliver all, fail with the error, and hold a fast sender back', async () => {
  const echo = client(definition, await meshOf('edge'));
  const seen: unknown[] = [];
  for await (const i of echo.count(100)) seen.push(i);
  expect(seen).toHaveLength(100);
  const upTo: unknown[] = [];
  const three = (async () => {
    for await (const i of echo.count(3)) upTo.push(i);
  })();
  await expect(three).rejects.toMatchObject({ code: 'ABORTED', reason: 'THREE', domain: 'echo' });
  expect(upTo).toEqual([0, 1, 2]);
  for await (const message of echo.endless({})) if ((message as { i: number }).i === 50) break;
  await streamEnded.promise;
});

test("the contract's timeout ends a handler that does not", async () => {
  const echo = client(definition, await meshOf('edge'));
  await expect(echo.short({}, { timeoutMs: 2_000 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
});

test("a caller's deadline reaches the inner call, and its end aborts the handler there", async () => {
  const echo = client(definition, await meshOf('edge'));
  await expect(echo.forward('wait', { timeoutMs: 150 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(await aborted.promise).toMatchObject({ code: expect.stringMatching('DEADLINE_EXCEEDED|CANCELLED') });
});

test("a caller's cancellation ends the call", async () => {
  const echo = client(definition, await meshOf('edge'));
  const controller = new AbortController();
  const call = echo.wait('cancel', { signal: controller.signal });
  setTimeout(() => controller.abort(), 30);
  await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
});

test("the user's token is carried on to the inner call", async () => {
  const echo = client(definition, await meshOf('edge'));
  expect(await echo.forward('x', withToken('alice'))).toEqual({ request: 'x', user: 'alice', same: true });
});

test('a method that nobody serves is UNIMPLEMENTED', async () => {
  const mesh = await meshOf('edge');
  await expect(mesh.unary('/test.Echo/nothing', Buffer.alloc(0))).rejects.toMatchObject({
    code: 'UNIMPLEMENTED',
    reason: 'UNKNOWN_METHOD',
  });
});

test('certificates of another authority, of another trust domain and of another workload are refused', async () => {
  const stranger = client(definition, await meshOf('edge', await createAuthority()));
  await expect(stranger.echo({}, { timeoutMs: 300 })).rejects.toMatchObject({ reason: 'NO_INSTANCE' });
  const foreign = client(definition, await meshOf('edge', authority, 'other.example'));
  await expect(foreign.echo({})).rejects.toMatchObject({ reason: 'CERTIFICATE_REQUIRED' });
  const impostor = createServer({
    workload: 'echo',
    contract,
    services: [],
    tls: await tlsIdentity(authority, 'mallory'),
    trustDomain: 'weft.local',
    logger,
  });
  const address = `127.0.0.1:${await impostor.listen('127.0.0.1', 0)}`;
  const resolver = staticResolver(new Map([['echo', [address]]]), contract);
  const mesh = createMesh({
    contract,
    resolver,
    connect: http2Connect({ kind: 'mesh', tls: await tlsIdentity(authority, 'edge') }),
    logger,
  });
  await expect(client(definition, mesh).echo({}, { timeoutMs: 300 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    reason: 'NO_INSTANCE',
  });
  await mesh.close();
  await impostor.drain(100);
});
