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

test.concurrent('a frozen process costs the calls that were at it, and hardly one more', async () => {
  const ports = [await getPort(), await getPort()];
  const processes = ports.map(start);
  const { mesh } = await meshOf(ports);
  const echo = client(definition, mesh);
  expect(await callMany(200, 8, () => echo.who(null))).toEqual([]);
  processes[0]?.kill('SIGSTOP');
  // Before any call fails, which would tell.
  const [callers, enough, timeoutMs] = [12, 600, 20_000];
  let answers = 0;
  let over = false;
  const outcomes: Promise<unknown>[] = [];
  const call = async (): Promise<void> => {
    while (!over) {
      await echo.slowRead(0, { timeoutMs });
      answers += 1;
    }
  };
  for (let i = 0; i < callers; i += 1) {
    outcomes.push(call().catch(reasonOf));
    await delay(50);
  }
  const stuck = () =>
    mesh.instances(echoService).find(({ id }) => id.endsWith(`:${ports[0]}`))?.inFlight ?? 0;
  // Were it not for its silence, all would go to it in turn, and wait.
  await eventually(() => answers >= enough || stuck() === callers, timeoutMs);
  process.stderr.write(
    `figures: ${stuck()} of ${callers} callers met the frozen process, ${answers} answers\n`,
  );
  expect(answers).toBeGreaterThanOrEqual(enough);
  over = true;
  processes[0]?.kill('SIGCONT');
  await Promise.all(outcomes);
  for (const child of processes) await kill(child);
}, 60_000);

test.concurrent('a killed process costs no call that may be repeated, though more were at it than retries are allowed', async () => {
  const ports = [await getPort(), await getPort(), await getPort()];
  const [victim] = ports.map(start);
  const { mesh } = await meshOf(ports);
  const echo = client(definition, mesh);
  const slow = Array.from({ length: 120 }, () => echo.slowRead(1_500));
  await eventually(() => {
    const loads = mesh.instances(echoService).map(({ inFlight }) => inFlight);
    expect(Math.min(...loads)).toBeGreaterThan(20);
  });
  victim?.kill('SIGKILL');
  expect(await callMany(250, 8, () => echo.who(null))).toEqual([]);
  expect((await Promise.allSettled(slow)).filter(({ status }) => status === 'rejected')).toEqual([]);
}, 60_000);

test.concurrent('a dead target fails fast once it has been dead for a while, and is called again when it is back', async () => {
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
