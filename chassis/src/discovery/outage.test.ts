import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '../logger.ts';
import { echoService } from '../testing/echo-methods.ts';
import { callsOf, viewEtcd, type EtcdView } from '../testing/etcd-view.ts';
import { eventually } from '../testing/eventually.ts';
import { startEtcd, type EtcdServer } from '../testing/servers.ts';
import { etcdRegistry } from './etcd/etcd.ts';
import { createFleet, figures, type Fleet } from './fleet.test.support.ts';
import type { Registration } from './registry.ts';

// PROVE=1: the lease of production, and outages of minutes.
const prove = process.env['PROVE'] === '1';
const leaseMs = prove ? 10_000 : 2_000;
const shorter = prove ? 6_000 : 800;
const longer = prove ? 60_000 : leaseMs + 600;
/** Registrations beside those of the services that are called. */
const others = prove ? 100 : 20;
const ids = ['one', 'two'];
const logger = createLogger({ name: 'test', level: 'silent' });

let etcd: EtcdServer;
let view: EtcdView;
let fleet: Fleet;
const registrations: Registration[] = [];

beforeAll(async () => {
  etcd = await startEtcd();
  view = viewEtcd(etcd.url);
  fleet = await createFleet(etcd.url, { leaseMs });
  for (const id of ids) fleet.start(id);
  const registry = etcdRegistry(etcd.url, { logger, leaseS: leaseMs / 1000 });
  for (let i = 0; i < others; i += 1) {
    const instance = {
      id: `i${i}`,
      address: `10.0.0.${i}:1`,
      zone: '',
      weight: 1,
      version: '',
      startedAt: '',
    };
    registrations.push(registry.register(instance, ['test.Other']));
  }
  await fleet.settled(...ids);
  await eventually(allBack);
}, 60_000);

afterAll(async () => {
  await fleet.close();
  await Promise.all(registrations.map((registration) => registration.deregister(100)));
  view.close();
  await etcd.stop();
});

/** Every key is there, and under a lease. */
async function allBack(): Promise<void> {
  const found = await view.registrations();
  expect(found.size).toBe(ids.length + others);
  for (const id of ids) expect(found.get(`${echoService}/${id}`)).not.toBe('0');
}

/**
 * How long after `usable` the last key came back. A frozen etcd still has them all until it sees that their
 * leases have ended, so it is looked at for a while.
 */
async function backAfter(usable: number, watchedMs: number): Promise<number> {
  let lastWanting = usable;
  for (const until = usable + 5_000 + leaseMs / 2; performance.now() < until; await delay(50)) {
    const complete = await allBack().then(
      () => true,
      () => false,
    );
    if (!complete) lastWanting = performance.now();
    else if (performance.now() - lastWanting > watchedMs) break;
  }
  return lastWanting - usable;
}

let news = 0;
/** Something new comes to be known, also where etcd now counts its revisions from one again. */
async function heardAgain(): Promise<void> {
  const [service, id] = ['test.News', `news-${(news += 1)}`];
  const key = `/weft/services/${service}/${id}`;
  let known: readonly string[] = [];
  const stop = fleet.discovery.resolver.watch(service, (all) => (known = all.map((one) => one.id)));
  await view.client.put(key).value('{"address":"10.0.0.1:1"}');
  await eventually(() => expect(known).toContain(id), 5_000);
  await view.client.delete().key(key);
  stop();
}

const outages: readonly (readonly [string, (etcd: EtcdServer) => Promise<void>])[] = [
  [
    'killed for less than the lease',
    async (server) => {
      await server.kill('SIGKILL');
      await delay(shorter);
      await server.restart();
    },
  ],
  [
    'killed for longer than the lease',
    async (server) => {
      await server.kill('SIGKILL');
      await delay(longer);
      await server.restart();
    },
  ],
  [
    'frozen past the lease',
    async (server) => {
      await server.kill('SIGSTOP');
      await delay(longer);
      await server.kill('SIGCONT');
    },
  ],
  ['restarted empty', (server) => server.restart({ empty: true })],
];

test.each(outages)(
  'etcd %s: no call fails, all are back within 5 s, and etcd is not hammered',
  async (name, outage) => {
    // It begins to count anew where it was started anew.
    const counted = name.startsWith('frozen') ? await callsOf(etcd) : {};
    const load = fleet.load();
    await outage(etcd);
    const usable = performance.now();
    const backMs = await backAfter(usable, name.startsWith('frozen') ? leaseMs / 2 : 200);
    expect(backMs).toBeLessThan(5_000);
    await heardAgain();
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(Math.min(...ids.map((id) => load.served[id] ?? 0))).toBeGreaterThan(0);
    const calls = await callsOf(etcd);
    const grants = (calls['Lease/LeaseGrant'] ?? 0) - (counted['Lease/LeaseGrant'] ?? 0);
    // A process that found no lease asked once, or twice if the first answer was late.
    expect(grants / (ids.length + others)).toBeLessThanOrEqual(2);
    const served = Object.values(load.served).reduce((a, b) => a + b, 0);
    figures(
      `etcd ${name}: ${served} calls, 0 failed; ${ids.length + others} back after ${backMs.toFixed(0)} ms, ${grants} leases granted`,
    );
  },
  180_000,
);
