import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Etcd3 } from 'etcd3';
import { client, type Client } from '../client/client.ts';
import { http2Connect } from '../client/http2-connection.ts';
import { createMesh, type Mesh } from '../client/mesh.ts';
import { staticResolver } from '../discovery/listed.ts';
import { parseEtcdUrl } from '../discovery/etcd/address.ts';
import { createLogger } from '../logger.ts';
import { implement } from '../server/implement.ts';
import { createServer, type GrpcServer } from '../server/server.ts';
import type { ServedCall } from '../server/served-call.ts';
import { createAuthority, type Authority } from '../testing/certificates.ts';
import { echoContract, echoDefinition } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { testRegistry } from '../testing/fixtures.ts';
import { tlsIdentity } from '../testing/tls.ts';
import { everyMethod, type Fault } from './fault.ts';
import { faultPrefix } from './fault-keys.ts';
import { watchFaults, type FaultWatch } from './fault-watch.ts';
import { injectFaults } from './inject.ts';

const methods = {
  read: { idempotent: true, timeoutMs: 2_000 },
  write: { timeoutMs: 2_000 },
  internal: { access: { kind: 'services', services: ['billing'] } },
} as const;
const definition = echoDefinition('test.Echo', methods);
const contract = echoContract('test.Echo', methods);
const registry = testRegistry();
const logger = createLogger({ name: 'test', level: 'silent' });

let authority: Authority;
let etcd: Etcd3;
let faults: FaultWatch;
let mesh: Mesh;
let echo: Client<typeof definition>;
const servers: GrpcServer[] = [];
let served = 0;
let asked = 0;

beforeAll(async () => {
  authority = await createAuthority();
  const { hosts, prefix } = parseEtcdUrl(registry);
  etcd = new Etcd3({ hosts: hosts.map((host) => `http://${host}`) });
  faults = watchFaults(registry, 'echo', logger);
  expect(faultPrefix(prefix, 'echo')).toMatch(/\/weft\/faults\/echo\/$/);
  // Every third call is hit at a rate of 0.3: as much as chance would do, and each time the same.
  const random = (): number => [0.1, 0.5, 0.9][(asked += 1) % 3] ?? 0;
  const answer = async () => {
    served += 1;
    return 'done';
  };
  const ports = await Promise.all(
    [1, 2].map(async () => {
      const server = createServer({
        workload: 'echo',
        contract,
        services: [implement(definition, { read: answer, write: answer, internal: answer })],
        tls: await tlsIdentity(authority, 'echo'),
        trustDomain: 'weft.local',
        logger,
        faults: injectFaults(faults, random),
      });
      servers.push(server);
      return server.listen('127.0.0.1', 0);
    }),
  );
  mesh = createMesh({
    contract,
    resolver: staticResolver(new Map([['echo', ports.map((port) => `127.0.0.1:${port}`)]]), contract),
    connect: http2Connect({ kind: 'mesh', tls: await tlsIdentity(authority, 'edge') }),
    logger,
  });
  echo = client(definition, mesh);
});

afterEach(async () => {
  await etcd.delete().prefix(faultPrefix(parseEtcdUrl(registry).prefix, 'echo'));
  await active('none');
  served = 0;
});

afterAll(async () => {
  await mesh.close();
  await Promise.all(servers.map((server) => server.drain(1_000)));
  faults.close();
  etcd.close();
});

const keyOf = (method: string): string => `${faultPrefix(parseEtcdUrl(registry).prefix, 'echo')}${method}`;
const active = (what: string) =>
  eventually(async () => expect((await faults.dependency.state()).detail).toContain(what));

async function set(method: string, fault: Partial<Fault>): Promise<void> {
  await etcd.put(keyOf(method)).value(JSON.stringify({ rate: 1, untilMs: Date.now() + 60_000, ...fault }));
  await active(method);
}

test('a share of the calls fails: retries hide it from readers, who get every answer', async () => {
  await set('test.Echo/read', { error: 'UNAVAILABLE', rate: 0.3 });
  // Ten retries: what the budget has in any second.
  for (let i = 0; i < 20; i += 1) expect(await echo.read(null)).toBe('done');
  expect(served).toBe(20);
});

test('a write is not tried again, so its caller sees the fault and its reason', async () => {
  await set('test.Echo/write', { error: 'UNAVAILABLE', rate: 0.3 });
  const results = await Promise.allSettled(Array.from({ length: 30 }, () => echo.write(null)));
  const failed = results.filter((result) => result.status === 'rejected');
  expect(failed.length).toBe(10);
  expect(failed[0]?.reason).toMatchObject({ code: 'UNAVAILABLE', reason: 'FAULT_INJECTED' });
  expect(served).toBe(20);
});

test('a delay makes calls late, and no call waits longer than its caller', async () => {
  await set('test.Echo/write', { delayMs: 150 });
  const begun = performance.now();
  expect(await echo.write(null)).toBe('done');
  expect(performance.now() - begun).toBeGreaterThanOrEqual(148);
  await set('test.Echo/write', { delayMs: 60_000 });
  await active('60000');
  await expect(echo.write(null, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(served).toBe(1);
});

test('who may not call learns nothing of a fault', async () => {
  await set(everyMethod, { error: 'DATA_LOSS' });
  await expect(echo.internal(null)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  await expect(echo.write(null)).rejects.toMatchObject({ code: 'DATA_LOSS' });
});

test('health and reflection go on telling the truth', async () => {
  const inject = injectFaults({ of: () => ({ delayMs: 0, error: 'DATA_LOSS', rate: 1, untilMs: Infinity }) });
  const seen: string[] = [];
  const call = (path: string) =>
    inject({ path } as ServedCall, async (through) => void seen.push(through.path));
  await call('/grpc.health.v1.Health/Check');
  await call('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo');
  await expect(call('/test.Echo/read')).rejects.toMatchObject({ code: 'DATA_LOSS' });
  expect(seen).toHaveLength(2);
});

test('the fault of a method comes before that of every method', async () => {
  await set(everyMethod, { error: 'DATA_LOSS' });
  await set('test.Echo/write', { error: 'ABORTED' });
  await expect(echo.write(null)).rejects.toMatchObject({ code: 'ABORTED' });
});

test('a forgotten fault ends with its lease, and by itself where its key stays', async () => {
  const lease = etcd.lease(60, { autoKeepAlive: false });
  const value = { error: 'ABORTED', rate: 1, untilMs: Date.now() + 60_000 };
  await lease.put(keyOf('test.Echo/write')).value(JSON.stringify(value));
  await active('test.Echo/write');
  await lease.revoke();
  await active('none');
  expect(await echo.write(null)).toBe('done');
  await set('test.Echo/write', { error: 'ABORTED', untilMs: Date.now() - 1 });
  expect(await echo.write(null)).toBe('done');
});

test('a value that is no fault is skipped, and the others count', async () => {
  await etcd.put(keyOf('test.Echo/read')).value('{"error":"NONE"}');
  await set('test.Echo/write', { error: 'ABORTED' });
  expect(await echo.read(null)).toBe('done');
  await expect(echo.write(null)).rejects.toMatchObject({ code: 'ABORTED' });
});
