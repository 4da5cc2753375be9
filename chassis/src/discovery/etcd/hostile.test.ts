import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../logger.ts';
import { callsOf, viewEtcd, type EtcdView } from '../../testing/etcd-view.ts';
import { eventually } from '../../testing/eventually.ts';
import { startEtcd, type EtcdServer } from '../../testing/servers.ts';
import type { Instance } from '../registry.ts';
import { etcdRegistry, etcdResolver, type EtcdOptions } from './etcd.ts';

const lines: string[] = [];
const write = (_: unknown, text?: string): void => void lines.push(text ?? '');
const logger = { debug: write, info: write, warn: write, error: write } as unknown as Logger;
const ends: (() => unknown)[] = [];
let etcd: EtcdServer;
let view: EtcdView;
let prefixes = 0;
let url: string;
let prefix: string;

beforeAll(async () => {
  etcd = await startEtcd();
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  lines.length = 0;
});
afterAll(() => etcd.stop());

/** A part of etcd that no other test uses. */
function fresh(): void {
  prefixes += 1;
  url = `${etcd.url}/t${prefixes}`;
  prefix = `/t${prefixes}/weft/services/`;
  const mine = viewEtcd(url);
  view = mine;
  ends.push(() => mine.close());
}

const instance = (id: string, more: Partial<Instance> = {}): Instance => ({
  id,
  address: `${id}.test:1`,
  zone: '',
  weight: 1,
  version: '',
  startedAt: '2026-01-01T00:00:00Z',
  ...more,
});

function register(one: Instance, services: readonly string[] = ['a.B']) {
  const registration = etcdRegistry(url, { logger, leaseS: 2 }).register(one, services);
  ends.push(() => registration.deregister(300));
  return registration;
}

function follow(service = 'a.B', options: Partial<EtcdOptions> = {}) {
  const resolver = etcdResolver(url, { logger, ...options });
  ends.push(() => resolver.close());
  let last: readonly Instance[] = [];
  resolver.watch(service, (all) => (last = all));
  return { resolver, last: () => last, ids: () => last.map(({ id }) => id).sort() };
}

test('a lease that an operator revoked is got again, and no client notices', async () => {
  fresh();
  const { ids } = follow();
  register(instance('a'));
  await eventually(() => expect(ids()).toEqual(['a']));
  const lease = [...(await view.registrations()).values()][0] ?? '';
  await view.client.leaseClient.leaseRevoke({ ID: lease });
  expect([...(await view.registrations())]).toEqual([]);
  await eventually(async () => expect([...(await view.registrations()).keys()]).toEqual(['a.B/a']), 5_000);
  expect([...(await view.registrations()).values()]).not.toEqual([lease]);
  expect(ids()).toEqual(['a']);
});

test('two processes with one instance id: the later one has it, the other says so and does not fight', async () => {
  fresh();
  const { last } = follow();
  const old = register(instance('same', { address: 'old.test:1' }));
  await eventually(() => expect(old.status().registered).toBe(true));
  const later = register(instance('same', { address: 'new.test:1', startedAt: '2026-01-02T00:00:00Z' }));
  await eventually(() => expect(later.status().registered).toBe(true));
  await eventually(() => expect(last().map(({ address }) => address)).toEqual(['new.test:1']));
  await eventually(() =>
    expect(old.status().detail).toMatch(/another process, at new.test:1, has registered as same/),
  );
  const { version } = (await view.client.get(`${prefix}a.B/same`).exec()).kvs[0] ?? {};
  await delay(1_500);
  expect((await view.client.get(`${prefix}a.B/same`).exec()).kvs[0]?.version).toBe(version);
  expect(lines.filter((line) => line.includes('another process'))).toHaveLength(1);
  // The old one leaves: what the later one registered stays. Then the later one does.
  await old.deregister();
  expect([...(await view.registrations()).keys()]).toEqual(['a.B/same']);
  await later.deregister();
  expect([...(await view.registrations()).keys()]).toEqual([]);
});

test('history compacted under a watch that was away: it lists anew', async () => {
  fresh();
  const { ids, resolver } = follow();
  register(instance('a'));
  await eventually(() => expect(ids()).toEqual(['a']));
  await etcd.kill('SIGSTOP');
  await delay(100);
  await etcd.kill('SIGCONT');
  let revision = '0';
  for (let i = 0; i < 20; i += 1) ({ revision } = (await view.client.put(`/x${prefixes}`).value(i)).header);
  await view.client.kv.compact({ revision, physical: true });
  register(instance('b'));
  await eventually(() => expect(ids()).toEqual(['a', 'b']));
  await etcd.restart();
  register(instance('c'));
  await eventually(() => expect(ids()).toEqual(['a', 'b', 'c']));
  expect(resolver.status()).toEqual({ connected: true, detail: '' });
});

test('1,000 instances with values of a megabyte among them are all listed and followed', async () => {
  fresh();
  const lease = (await view.client.leaseClient.leaseGrant({ TTL: 600 })).ID;
  const put = (id: number, value: string) => ({
    request_put: { key: Buffer.from(`${prefix}a.B/${id}`), value: Buffer.from(value), lease },
  });
  for (let from = 0; from < 1_000; from += 100)
    await view.client.kv.txn({
      success: Array.from({ length: 100 }, (_, i) => put(from + i, `{"address":"10.0.0.1:${from + i + 1}"}`)),
    });
  const huge = JSON.stringify({ address: '10.0.0.2:1', version: 'x'.repeat(1_000_000) });
  for (let i = 0; i < 8; i += 1)
    await view.client.put(`${prefix}a.B/huge${i}`).value(i < 6 ? huge : huge.slice(1));
  const startedAt = performance.now();
  const { ids } = follow();
  await eventually(() => expect(ids()).toHaveLength(1_001));
  const ms = performance.now() - startedAt;
  expect(lines.filter((line) => line.includes('cannot be read'))).toHaveLength(2);
  await view.client.put(`${prefix}a.B/one-more`).value('{"address":"10.0.0.3:1"}');
  await eventually(() => expect(ids()).toHaveLength(1_002));
  process.stderr.write(`figures: 1,008 instances, 8 MB: known after ${ms.toFixed(0)} ms\n`);
  await view.client.delete().prefix(prefix);
});

test('a key that cannot be read is logged once, not at each list', async () => {
  fresh();
  await view.client.put(`${prefix}a.B/bad`).value('no JSON');
  const { resolver, ids } = follow();
  register(instance('a'));
  await eventually(() => expect(ids()).toEqual(['a']));
  for (let i = 0; i < 2; i += 1) {
    await etcd.restart();
    await eventually(() => expect(resolver.status().connected).toBe(true));
    register(instance(`again${i}`));
    await eventually(() => expect(ids()).toContain(`again${i}`));
  }
  expect(lines.filter((line) => line.includes('cannot be read'))).toHaveLength(1);
});

test('closed and deregistered at any moment, nothing is left and nothing is thrown', async () => {
  fresh();
  for (const ms of [0, 1, 2, 5, 10, 20, 50]) {
    const { resolver } = follow();
    const registration = register(instance(`gone-${ms}`));
    await delay(ms);
    await Promise.all([
      registration.deregister(),
      resolver.close(),
      registration.deregister(),
      resolver.close(),
    ]);
    expect(registration.status().registered).toBe(false);
  }
  expect([...(await view.registrations()).keys()]).toEqual([]);
});

test.each(['', 'a/b', 'a\0b'])('an instance id of %j is refused', (id) => {
  fresh();
  expect(() => register(instance(id))).toThrow('is no instance id');
});

test('in peace an instance renews at a third of its lease or a little sooner, with two calls each time', async () => {
  fresh();
  const registration = register(instance('a'), ['a.B', 'a.C', 'a.D']);
  await eventually(() => expect(registration.status().registered).toBe(true));
  const before = await callsOf(etcd);
  const seconds = 2.5;
  await delay(seconds * 1_000);
  const after = await callsOf(etcd);
  const made = (method: string): number => (after[method] ?? 0) - (before[method] ?? 0);
  // A lease of 2 s: between 0.5 and 0.67 s apart, and no more of anything else.
  expect(made('Lease/LeaseKeepAlive')).toBeGreaterThanOrEqual(3);
  expect(made('Lease/LeaseKeepAlive')).toBeLessThanOrEqual(6);
  expect(made('KV/Txn')).toBeLessThanOrEqual(6);
  expect(made('Lease/LeaseGrant')).toBe(0);
});

test('an etcd that refuses everything is not hammered: tries are ever further apart, and no two processes keep step', async () => {
  const tries: number[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    tries.push(performance.now());
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  url = `etcd://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const processes = 20;
  const startedAt = performance.now();
  for (let i = 0; i < processes; i += 1) register(instance(`i${i}`));
  const seconds = 4;
  await delay(seconds * 1_000);
  const of = (from: number, to: number): number =>
    tries.filter((at) => at >= startedAt + from * 1_000 && at < startedAt + to * 1_000).length / processes;
  // 0.1, 0.2, 0.4, 0.8, 1.6, 2, 2 … s, each halved at most: 4 to 7 in the first second, then about one a second.
  expect(of(0, seconds)).toBeLessThanOrEqual(13);
  expect(of(2, 4)).toBeLessThanOrEqual(4);
  expect(of(2, 4)).toBeGreaterThan(0.5);
  const slots = new Set(tries.filter((at) => at > startedAt + 1_500).map((at) => Math.floor(at / 50)));
  expect(slots.size).toBeGreaterThan(12);
  process.stderr.write(
    `figures: etcd refuses: ${of(0, 1).toFixed(1)} tries in the first second, then ${(of(2, 4) / 2).toFixed(2)} a second and process\n`,
  );
});
