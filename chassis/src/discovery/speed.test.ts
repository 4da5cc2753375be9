import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { client } from '../client/client.ts';
import { createLogger } from '../logger.ts';
import { echoMethods, echoService } from '../testing/echo-methods.ts';
import { echoDefinition } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { testRegistry } from '../testing/fixtures.ts';
import { etcdRegistry } from './etcd/etcd.ts';
import { createFleet, figures, percentile, type Fleet } from './fleet.test.support.ts';

// PROVE=1: more of each, and by itself.
const prove = process.env['PROVE'] === '1';
const rounds = prove ? 1_000 : 25;
const logger = createLogger({ name: 'test', level: 'silent' });
const registry = testRegistry();
let fleet: Fleet;

beforeAll(async () => {
  fleet = await createFleet(registry, { leaseMs: 10_000 });
});
afterAll(() => fleet.close());

test('a client sees a new instance within 100 ms of its registration', async () => {
  let known = new Set<string>();
  let told = Promise.withResolvers<void>();
  fleet.discovery.resolver.watch('test.New', (all) => {
    known = new Set(all.map(({ id }) => id));
    told.resolve();
    told = Promise.withResolvers();
  });
  await eventually(() => expect(fleet.discovery.resolver.status().connected).toBe(true));
  const times: number[] = [];
  const afterPut: number[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const instance = {
      id: `i${i}`,
      address: `10.0.0.1:${i + 1}`,
      zone: '',
      weight: 1,
      version: '',
      startedAt: '',
    };
    const startedAt = performance.now();
    const registration = etcdRegistry(registry, { logger }).register(instance, ['test.New']);
    let registeredAt = Infinity;
    const polled = eventually(() => {
      if (!registration.status().registered) return false;
      registeredAt = Math.min(registeredAt, performance.now());
      return true;
    });
    while (!known.has(instance.id)) await told.promise;
    const seenAt = performance.now();
    times.push(seenAt - startedAt);
    await polled;
    afterPut.push(Math.max(0, seenAt - registeredAt));
    await registration.deregister();
  }
  const show = (values: readonly number[]) =>
    `p50 ${percentile(values, 0.5).toFixed(1)} ms, p99 ${percentile(values, 0.99).toFixed(1)} ms`;
  figures(`from the call of register until a client knows: ${show(times)} (connecting to etcd included)`);
  // Beside other tests a connection and three calls to etcd may take as long by themselves.
  expect(percentile(times, 0.5)).toBeLessThan(prove ? 100 : 1_000);
  expect(percentile(afterPut, 0.5)).toBeLessThan(100);
}, 120_000);

test('one that is ended with SIGTERM gets no call after it has said so', async () => {
  fleet.start('stays');
  const leaver = fleet.start('leaves');
  await fleet.settled('stays', 'leaves');
  const echo = client(echoDefinition(echoService, echoMethods), fleet.mesh);
  let outAt = Infinity;
  let late = 0;
  fleet.discovery.resolver.watch(echoService, (all) => {
    if (!all.some(({ id }) => id === 'leaves')) outAt = Math.min(outAt, performance.now());
  });
  const pending = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const timer = setInterval(() => {
    const startedAt = performance.now();
    const call = echo
      .who(null)
      .then((id) => void (late += id === 'leaves' && startedAt > outAt ? 1 : 0))
      .catch((error: unknown) => void failures.push(error))
      .finally(() => pending.delete(call));
    pending.add(call);
  }, 2);
  const saidAt = performance.now();
  leaver.process.kill('SIGTERM');
  await eventually(() => expect(outAt).toBeLessThan(Infinity));
  await eventually(() => expect(leaver.process.exitCode).toBe(0));
  clearInterval(timer);
  await Promise.all(pending);
  expect({ failures, late }).toEqual({ failures: [], late: 0 });
  figures(
    `SIGTERM: out of the client's list after ${(outAt - saidAt).toFixed(0)} ms, no call after that, none failed`,
  );
}, 60_000);

test('one that is killed costs no idempotent call, and its connection says so long before its lease', async () => {
  const victim = fleet.start('killed');
  await fleet.settled('stays', 'killed');
  const load = fleet.load(2);
  await eventually(() => expect(load.served['killed'] ?? 0).toBeGreaterThan(20));
  const killedAt = performance.now();
  victim.process.kill('SIGKILL');
  const isReady = () => fleet.mesh.instances(echoService).some(({ id, ready }) => id === 'killed' && ready);
  await eventually(() => expect(isReady()).toBe(false));
  const outMs = performance.now() - killedAt;
  await eventually(() => expect(load.served['stays'] ?? 0).toBeGreaterThan(100));
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(outMs).toBeLessThan(1_000);
  figures(`SIGKILL: out of rotation after ${outMs.toFixed(0)} ms, no call failed`);
}, 60_000);
