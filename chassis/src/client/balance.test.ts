import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Instance } from '../discovery/registry.ts';
import { createLogger } from '../logger.ts';
import { implement } from '../server/implement.ts';
import { createServer, type GrpcServer } from '../server/server.ts';
import { createAuthority, type Authority } from '../testing/certificates.ts';
import { echoContract, echoDefinition } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { tlsIdentity } from '../testing/tls.ts';
import { client } from './client.ts';
import { callMany, toldMesh, type ToldMesh } from './told-mesh.test.support.ts';

// What each instance gets of the traffic: real servers and connections, counted where calls arrive.

const methods = { call: { timeoutMs: 10_000 } } as const;
const service = 'test.Echo';
const definition = echoDefinition(service, methods);
const contract = echoContract(service, methods);
const logger = createLogger({ name: 'test', level: 'silent' });
type Behaviour = () => Promise<unknown> | undefined;
const quick: Behaviour = () => undefined;

interface Replica {
  readonly address: string;
  readonly server: GrpcServer;
  calls: number;
}

let authority: Authority;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  authority = await createAuthority();
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function replica(behaviour: Behaviour = quick): Promise<Replica> {
  const got = { calls: 0 };
  const server = createServer({
    workload: 'echo',
    contract,
    services: [
      implement(definition, {
        call: async () => {
          got.calls += 1;
          await behaviour();
          return null;
        },
      }),
    ],
    tls: await tlsIdentity(authority, 'echo'),
    trustDomain: 'weft.local',
    logger,
  });
  const port = await server.listen('127.0.0.1', 0);
  server.setServing(true);
  ends.push(() => server.drain(200));
  return Object.assign(got, { address: `127.0.0.1:${port}`, server });
}

/** A mesh that is connected to all of them. */
async function meshOf(instances: readonly Partial<Instance>[], zone = ''): Promise<ToldMesh> {
  const told = toldMesh(contract, await tlsIdentity(authority, 'edge'), zone);
  ends.push(() => told.mesh.close());
  told.tell(instances);
  await settled(told);
  return told;
}

const settled = ({ mesh }: ToldMesh) => eventually(() => mesh.instances(service).every(({ ready }) => ready));

/** What part of so many calls each replica gets. */
async function shares({ mesh }: ToldMesh, replicas: readonly Replica[], count: number, atOnce = 8) {
  const before = replicas.map(({ calls }) => calls);
  const failures = await callMany(count, atOnce, () => client(definition, mesh).call(null));
  const got = replicas.map(({ calls }, i) => calls - (before[i] ?? 0));
  return { of: got.map((calls) => calls / count), failures };
}

/** A machine that pauses a server makes it slow for a while, which shares tell: measured again then. */
const undisturbed = (measure: () => Promise<void>) => eventually(measure, 40_000);

test('three equal replicas get within 10% of each other', async () => {
  const replicas = await Promise.all([replica(), replica(), replica()]);
  const mesh = await meshOf(replicas);
  await shares(mesh, replicas, 300);
  await undisturbed(async () => {
    const { of } = await shares(mesh, replicas, 4_000, 32);
    expect((Math.max(...of) - Math.min(...of)) * 3).toBeLessThan(0.1);
  });
}, 60_000);

test('one that is 200 ms slower gets at most 10%, from the first call on', async () => {
  const replicas = await Promise.all([replica(), replica(), replica(() => delay(200))]);
  const { of } = await shares(await meshOf(replicas), replicas, 1_000);
  expect(of[2]).toBeLessThan(0.1);
  expect(of[2]).toBeGreaterThan(0);
}, 60_000);

test('one that fails half of its calls, quickly, gets at most 10%', async () => {
  let calls = 0;
  const half: Behaviour = () => {
    calls += 1;
    if (calls % 2 === 0) throw new Error('half of them');
    return undefined;
  };
  const replicas = await Promise.all([replica(), replica(), replica(half)]);
  const { of, failures } = await shares(await meshOf(replicas), replicas, 1_000);
  expect(of[2]).toBeLessThan(0.1);
  expect(failures.length).toBeLessThan(50);
}, 60_000);

test('a newcomer gets a tenth at first, half after 5 s, and its share after 10 s', async () => {
  const replicas = await Promise.all([replica(), replica()]);
  const old = '2026-01-01T00:00:00Z';
  const ageS = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();
  const told = await meshOf([{ ...replicas[0], startedAt: old }]);
  const due = (seconds: number) => Math.min(1, Math.max(0.1, seconds / 10));
  let newcomers = 0;
  const measure = async (seconds: number): Promise<void> => {
    newcomers += 1;
    const newcomer = { ...replicas[1], id: `${newcomers}`, startedAt: ageS(seconds) };
    const toldAt = performance.now();
    told.tell([{ ...replicas[0], startedAt: old }, newcomer]);
    await settled(told);
    const part = (await shares(told, replicas, 250, 2)).of[1] ?? 0;
    const [from, to] = [due(seconds), due(seconds + (performance.now() - toldAt) / 1_000)];
    // Against one that is warm.
    expect(part).toBeGreaterThan(from / (1 + from) - 0.15);
    expect(part).toBeLessThan(to / (1 + to) + 0.15);
  };
  for (const seconds of [0, 5, 10]) await undisturbed(() => measure(seconds));
  // Where all are new, none is: a client that has just started, or a list without dates.
  const allNew = await meshOf(replicas.map(({ address }) => ({ address, startedAt: ageS(0) })));
  expect((await shares(allNew, replicas, 800)).of[1]).toBeGreaterThan(0.4);
}, 60_000);

test('the own zone first; when it goes, the others, and no call fails', async () => {
  const [near, far, farther] = await Promise.all([replica(), replica(), replica()]);
  const zones = ['here', 'there', 'there'];
  const replicas = [near, far, farther];
  const told = await meshOf(
    replicas.map(({ address }, i) => ({ address, zone: zones[i] ?? '' })),
    'here',
  );
  expect((await shares(told, replicas, 500)).of[0]).toBeGreaterThan(0.97);
  near.server.setServing(false);
  const during = shares(told, replicas, 500);
  await near.server.drain(500);
  expect((await during).failures).toEqual([]);
  const after = await shares(told, replicas, 500);
  expect(after.failures).toEqual([]);
  expect(after.of[0]).toBe(0);
}, 60_000);

test('a zone that gets more than it can do lets the rest go to others, and keeps what it can', async () => {
  let line: Promise<unknown> = Promise.resolve();
  // One call at a time, 4 ms each.
  const narrow: Behaviour = () => (line = line.then(() => delay(4)));
  const replicas = await Promise.all([replica(narrow), replica(() => delay(4)), replica(() => delay(4))]);
  const zones = ['here', 'there', 'there'];
  const told = await meshOf(
    replicas.map(({ address }, i) => ({ address, zone: zones[i] ?? '' })),
    'here',
  );
  await shares(told, replicas, 300, 30);
  const crowded = await shares(told, replicas, 800, 30);
  expect(crowded.of[0]).toBeLessThan(0.6);
  expect(crowded.of[0]).toBeGreaterThan(0.02);
}, 60_000);

test('one that says NOT_SERVING gets nothing at once, and is called again when it serves', async () => {
  const replicas = await Promise.all([replica(), replica()]);
  const told = await meshOf(replicas);
  const [first, second] = replicas as [Replica, Replica];
  first.server.setServing(false);
  const saidAt = performance.now();
  await eventually(() => told.mesh.instances(service).some(({ serving }) => !serving));
  expect(performance.now() - saidAt).toBeLessThan(1_000);
  expect((await shares(told, replicas, 300)).of).toEqual([0, 1]);
  // Both: better them than none.
  second.server.setServing(false);
  await eventually(() => told.mesh.instances(service).every(({ serving }) => !serving));
  const panic = await shares(told, replicas, 300);
  expect(panic.failures).toEqual([]);
  expect(Math.min(...panic.of)).toBeGreaterThan(0.2);
  first.server.setServing(true);
  await eventually(() => told.mesh.instances(service).some(({ serving }) => serving));
  expect((await shares(told, replicas, 300)).of).toEqual([1, 0]);
}, 60_000);

test('there is one watch of health for each connection, however often instances come and go', async () => {
  const one = await replica();
  const told = await meshOf([one]);
  for (let i = 0; i < 20; i += 1) {
    told.tell([{ address: one.address, id: `${i}` }]);
    await settled(told);
  }
  await eventually(() => expect(one.server.inFlight).toBe(1));
  told.tell([]);
  await eventually(() => expect(one.server.inFlight).toBe(0));
});

test('a watch of health keeps no server from draining', async () => {
  const one = await replica();
  await meshOf([one]);
  await eventually(() => one.server.inFlight === 1);
  const startedAt = performance.now();
  await one.server.drain(20_000);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
}, 60_000);
