import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import getPort from 'get-port';
import { ServiceError } from '../errors.ts';
import { createAuthority, type Authority } from '../testing/certificates.ts';
import { echoMethods, echoService } from '../testing/echo-methods.ts';
import { echoContract, echoDefinition, echoDescriptors } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { tlsIdentity } from '../testing/tls.ts';
import { client } from './client.ts';
import { callMany, toldMesh, type ToldMesh } from './told-mesh.test.support.ts';

// Instances in processes of their own, frozen and killed.

const contract = echoContract(echoService, echoMethods);
const definition = echoDefinition(echoService, echoMethods);
const folder = mkdtempSync(join(tmpdir(), 'weft-dead-'));
const children = new Set<ChildProcess>();
const meshes: ToldMesh[] = [];
let authority: Authority;
let common: Record<string, string>;

beforeAll(async () => {
  authority = await createAuthority();
  const { ca, cert, key } = await authority.issue('echo');
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  common = {
    REGISTRY: 'static:echo=127.0.0.1:1',
    TLS_CA_FILE: file('ca.crt', ca),
    TLS_CERT_FILE: file('echo.crt', cert),
    TLS_KEY_FILE: file('echo.key', key),
    DESCRIPTORS: file('descriptors.binpb', echoDescriptors(echoService, echoMethods)),
    NODE_COMPILE_CACHE: join(tmpdir(), 'weft-test-compile-cache'),
    ADMIN_PORT: '0',
  };
});

afterAll(async () => {
  for (const { mesh } of meshes) await mesh.close();
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function start(port: number): ChildProcess {
  const main = fileURLToPath(new URL('../../dist/testing/echo-service.js', import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env['PATH'], ...common, GRPC_PORT: String(port) },
    stdio: 'ignore',
  });
  children.add(child);
  child.once('close', () => children.delete(child));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'close');
  child.kill('SIGKILL');
  await gone;
}

async function meshOf(ports: readonly number[]): Promise<ToldMesh> {
  const told = toldMesh(contract, await tlsIdentity(authority, 'edge'));
  meshes.push(told);
  told.tell(ports.map((port) => ({ address: `127.0.0.1:${port}` })));
  await eventually(() => told.mesh.instances(echoService).every(({ ready }) => ready), 30_000);
  return told;
}

const reasonOf = (error: unknown) => (error instanceof ServiceError ? error.reason : String(error));

test('a frozen process costs the calls that were at it, and hardly one more', async () => {
  const ports = [await getPort(), await getPort()];
  const processes = ports.map(start);
  const { mesh } = await meshOf(ports);
  const who = () => client(definition, mesh).who(null, { timeoutMs: 3_000, retry: false });
  expect(await callMany(200, 8, who)).toEqual([]);
  processes[0]?.kill('SIGSTOP');
  // Whatever comes back, for less than the deadline: nothing has failed yet that could tell.
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 80; i += 1) {
    for (let j = 0; j < 5; j += 1) calls.push(who());
    await delay(10);
  }
  const outcomes = await Promise.allSettled(calls);
  const reasons = outcomes.flatMap((one) => (one.status === 'rejected' ? [reasonOf(one.reason)] : []));
  expect(new Set(reasons)).toEqual(new Set(['DEADLINE_EXCEEDED']));
  expect(reasons.length).toBeLessThan(calls.length * 0.04);
  processes[0]?.kill('SIGCONT');
  await eventually(() => mesh.instances(echoService).every(({ ready }) => ready), 30_000);
  for (const child of processes) await kill(child);
}, 60_000);

test('a dead target fails fast once it has been dead for a while, and is called again when it is back', async () => {
  const port = await getPort();
  const first = start(port);
  const { mesh } = await meshOf([port]);
  const echo = client(definition, mesh);
  const who = () => echo.who(null, { timeoutMs: 200 });
  expect(await callMany(20, 4, () => echo.who(null))).toEqual([]);
  await kill(first);
  const reasons: string[] = [];
  const diedAt = performance.now();
  let openAfterMs: number | undefined;
  while (openAfterMs === undefined && performance.now() - diedAt < 20_000) {
    const failures = await callMany(8, 8, who);
    reasons.push(...failures.map(reasonOf));
    if (reasons.includes('BREAKER_OPEN')) openAfterMs = performance.now() - diedAt;
  }
  // The only instance may be restarted without a call being turned away.
  expect(openAfterMs).toBeGreaterThan(3_000);
  const startedAt = performance.now();
  const turnedAway = await callMany(200, 1, () => echo.who(null, { timeoutMs: 60_000 }));
  expect(turnedAway.filter((error) => reasonOf(error) === 'BREAKER_OPEN').length).toBeGreaterThan(190);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(turnedAway[0]).toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: expect.any(Number) });
  // Whoever retries by itself, as a saga's relay does, is never turned away.
  const relay = echo.who(null, { timeoutMs: 50, retry: false });
  await expect(relay).rejects.toMatchObject({ reason: 'NO_INSTANCE' });
  start(port);
  await eventually(() => echo.who(null), 30_000);
  expect(await callMany(100, 4, () => echo.who(null))).toEqual([]);
}, 90_000);
