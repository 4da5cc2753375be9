import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import getPort from 'get-port';
import { client } from './client/client.ts';
import { http2Connect } from './client/http2-connection.ts';
import { createMesh, type Mesh } from './client/mesh.ts';
import { openDiscovery, type Discovery } from './discovery/discovery.ts';
import type { ServiceError } from './errors.ts';
import { createLogger } from './logger.ts';
import { createAuthority } from './testing/certificates.ts';
import { echoMethods, echoService } from './testing/echo-methods.ts';
import { echoContract, echoDefinition, echoDescriptors } from './testing/echo.ts';
import { eventually } from './testing/eventually.ts';
import { testRegistry } from './testing/fixtures.ts';
import { tlsIdentity } from './testing/tls.ts';

const definition = echoDefinition(echoService, echoMethods);
const contract = echoContract(echoService, echoMethods);
const logger = createLogger({ name: 'test', level: 'silent' });
const folder = mkdtempSync(join(tmpdir(), 'weft-service-'));
const registry = testRegistry();
const children = new Set<ChildProcess>();
let discovery: Discovery;
let mesh: Mesh;
let common: Record<string, string>;

beforeAll(async () => {
  const authority = await createAuthority();
  const { ca, cert, key } = await authority.issue('echo');
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  common = {
    REGISTRY: registry,
    TLS_CA_FILE: file('ca.crt', ca),
    TLS_CERT_FILE: file('echo.crt', cert),
    TLS_KEY_FILE: file('echo.key', key),
    DESCRIPTORS: file('descriptors.binpb', echoDescriptors(echoService, echoMethods)),
    GRPC_PORT: '0',
    ADMIN_PORT: '0',
  };
  discovery = openDiscovery(registry, contract, { logger });
  const tls = await tlsIdentity(authority, 'edge');
  mesh = createMesh({
    contract,
    resolver: discovery.resolver,
    connect: http2Connect({ kind: 'mesh', tls }),
    logger,
  });
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await mesh.close();
  await discovery.resolver.close();
  rmSync(folder, { recursive: true });
});

/** Starts the service as a process of its own. */
function start(environment: Record<string, string>) {
  const main = fileURLToPath(new URL('../dist/testing/echo-service.js', import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env['PATH'], ...common, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  let output = '';
  const exited = once(child, 'close').then(([code]) => {
    children.delete(child);
    return code as number | null;
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  return { child, exited, output: () => output };
}

const ready = (id: string) => () =>
  expect(mesh.instances(echoService).find((instance) => instance.id === id)).toMatchObject({ ready: true });

/** Calls one after the other, until told to stop; answers who served how many, and what failed. */
function load(call: () => Promise<unknown>, workers: number) {
  const served: Record<string, number> = {};
  const failures: ServiceError[] = [];
  let on = true;
  const work = async (): Promise<void> => {
    while (on) {
      try {
        const id = String(await call());
        served[id] = (served[id] ?? 0) + 1;
      } catch (error) {
        failures.push(error as ServiceError);
      }
    }
  };
  const done = Promise.all(Array.from({ length: workers }, work));
  return {
    served,
    failures,
    stop: async () => {
      on = false;
      await done;
    },
  };
}

test('two instances share traffic, and SIGKILL of one fails no idempotent call', async () => {
  const echo = client(definition, mesh);
  start({ INSTANCE_ID: 'one' });
  const two = start({ INSTANCE_ID: 'two' });
  await eventually(ready('one'));
  await eventually(ready('two'));
  const traffic = load(() => echo.who(null), 16);
  await eventually(() =>
    expect(Math.min(traffic.served['one'] ?? 0, traffic.served['two'] ?? 0)).toBeGreaterThan(50),
  );
  two.child.kill('SIGKILL');
  await two.exited;
  const before = traffic.served['one'] ?? 0;
  await eventually(() => expect(traffic.served['one']).toBeGreaterThan(before + 500));
  await traffic.stop();
  expect(traffic.failures).toEqual([]);
});

test('SIGTERM under load: no call fails, retried or not, and streams are told to go elsewhere', async () => {
  const echo = client(definition, mesh);
  const three = start({ INSTANCE_ID: 'three' });
  await eventually(ready('three'));
  const quick = load(() => echo.who(null), 8);
  const slow = load(() => echo.slow(100), 8);
  const endings: unknown[] = [];
  let streaming = true;
  const streams = Array.from({ length: 8 }, async () => {
    try {
      for await (const _ of echo.ticks(null)) if (!streaming) break;
    } catch (error) {
      endings.push(error);
    }
  });
  await eventually(() => expect(slow.served['three'] ?? 0).toBeGreaterThan(3));
  const startedAt = Date.now();
  three.child.kill('SIGTERM');
  expect(await three.exited).toBe(0);
  expect(Date.now() - startedAt).toBeLessThan(10_000);
  streaming = false;
  await Promise.all([quick.stop(), slow.stop(), ...streams]);
  expect([...quick.failures, ...slow.failures]).toEqual([]);
  expect(endings.length).toBeGreaterThan(0);
  for (const ending of endings)
    expect(ending).toMatchObject({ code: 'UNAVAILABLE', reason: 'SERVER_DRAINING', domain: 'echo' });
});

test('an idle service is gone soon after SIGTERM, and its callers know', async () => {
  const four = start({ INSTANCE_ID: 'four' });
  await eventually(ready('four'));
  const startedAt = Date.now();
  four.child.kill('SIGTERM');
  expect(await four.exited).toBe(0);
  expect(Date.now() - startedAt).toBeLessThan(5_000);
  expect(mesh.instances(echoService).map(({ id }) => id)).not.toContain('four');
});

test('without a registry it serves, says so, and exits as usual', async () => {
  const adminPort = await getPort({ host: '127.0.0.1' });
  const six = start({ REGISTRY: 'etcd://127.0.0.1:1', ADMIN_PORT: String(adminPort) });
  const get = (path: string) => fetch(`http://127.0.0.1:${adminPort}${path}`);
  await eventually(async () => expect((await get('/readyz')).status).toBe(200));
  const { dependencies } = (await (await get('/readyz')).json()) as { dependencies: object };
  expect(dependencies).toMatchObject({ registration: { ok: false, required: false } });
  expect((await get('/healthz')).status).toBe(200);
  expect(await (await get('/metrics')).text()).toContain('process_memory_usage');
  six.child.kill('SIGTERM');
  expect(await six.exited).toBe(0);
});

test('a broken variable, a missing file and a missing variable are all named, and it exits at once', async () => {
  const broken = start({ GRPC_PORT: 'http', TLS_CA_FILE: '/nowhere/ca.crt', REGISTRY: '' });
  expect(await broken.exited).toBe(78);
  expect(broken.output()).toContain('GRPC_PORT is not a port');
  expect(broken.output()).toContain('TLS_CA_FILE names a file that cannot be read (ENOENT)');
  expect(broken.output()).toContain('REGISTRY is not set');
});

test('a taken port is named with its variable', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const check = async (name: string) => {
    const late = start({ [name]: String(port) });
    expect(await late.exited).toBe(1);
    expect(late.output()).toContain(`port ${port} (${name}) is taken`);
  };
  await Promise.all([check('GRPC_PORT'), check('ADMIN_PORT')]);
  taken.close();
});
