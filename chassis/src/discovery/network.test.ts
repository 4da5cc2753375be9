import { afterAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { echoService } from '../testing/echo-methods.ts';
import { viewEtcd } from '../testing/etcd-view.ts';
import { eventually } from '../testing/eventually.ts';
import { startRelay } from '../testing/relay.ts';
import { startEtcd } from '../testing/servers.ts';
import { createFleet, figures } from './fleet.test.support.ts';

// PROVE=1: etcd in a network namespace of its own, whose packets are lost without a word: connections that
// are being made then get no answer for half a minute and more. Without it, a relay whose connections break.
const prove = process.env['PROVE'] === '1';
const leaseMs = prove ? 10_000 : 2_000;
const cutMs = prove ? 90_000 : leaseMs + 600;
const run = promisify(execFile);
const ends: (() => unknown)[] = [];

afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** An etcd behind a network that can be cut. */
interface Network {
  readonly registry: string;
  /** As its operator sees it, from its own side. */
  readonly view: ReturnType<typeof viewEtcd>;
  cut(): Promise<void>;
  heal(): Promise<void>;
}

async function relayed(): Promise<Network> {
  const etcd = await startEtcd();
  ends.push(() => etcd.stop());
  const relay = await startRelay(etcd.port);
  ends.push(() => relay.close());
  const view = viewEtcd(etcd.url);
  ends.push(() => view.close());
  return {
    registry: `etcd://${relay.address}`,
    view,
    cut: async () => relay.cut(),
    heal: () => relay.restore(),
  };
}

async function namespaced(): Promise<Network> {
  const id = process.pid % 10_000;
  const [space, outer, inner] = [`weft${id}`, `weft${id}o`, `weft${id}i`];
  const [here, there] = ['10.213.77.1', '10.213.77.2'];
  const ip = (...args: readonly string[]) => run('ip', [...args]);
  await ip('netns', 'add', space);
  ends.push(() => ip('netns', 'delete', space));
  await ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', space);
  await ip('addr', 'add', `${here}/30`, 'dev', outer);
  await ip('link', 'set', outer, 'up');
  await ip('-n', space, 'addr', 'add', `${there}/30`, 'dev', inner);
  await ip('-n', space, 'link', 'set', inner, 'up');
  await ip('-n', space, 'link', 'set', 'lo', 'up');
  const etcd = await startEtcd({ host: there, through: ['ip', 'netns', 'exec', space] });
  ends.push(() => etcd.stop());
  const view = viewEtcd(etcd.url);
  ends.push(() => view.close());
  return {
    registry: etcd.url,
    view,
    // Replies go nowhere, not even to the first packet of a connection.
    cut: async () => void (await ip('-n', space, 'route', 'add', 'blackhole', `${here}/32`)),
    heal: async () => void (await ip('-n', space, 'route', 'del', 'blackhole', `${here}/32`)),
  };
}

test('the network to etcd cut for longer than the lease, and healed: no call fails, all are back within 5 s', async () => {
  const network = await (prove ? namespaced() : relayed());
  const { registry, view } = network;
  const fleet = await createFleet(registry, { leaseMs });
  ends.push(() => fleet.close());
  fleet.start('one');
  fleet.start('two');
  await fleet.settled('one', 'two');
  const load = fleet.load();
  await network.cut();
  await eventually(() => expect(fleet.discovery.resolver.status().connected).toBe(false), 20_000);
  await delay(cutMs);
  // Its operator sees the relayed one meanwhile: every lease has ended.
  const left = prove ? [] : [...(await view.registrations()).keys()];
  expect(left).toEqual([]);
  await network.heal();
  const healed = performance.now();
  await eventually(async () => {
    const found = await view.registrations();
    expect([...found.keys()]).toEqual(['one', 'two'].map((id) => `${echoService}/${id}`));
  }, 5_000);
  await eventually(() => expect(fleet.discovery.resolver.status().connected).toBe(true), 5_000);
  const backMs = performance.now() - healed;
  await load.stop();
  expect(load.failures).toEqual([]);
  const served = Object.values(load.served).reduce((a, b) => a + b, 0);
  figures(
    `network cut for ${cutMs / 1000} s: ${served} calls, 0 failed; back and heard after ${backMs.toFixed(0)} ms`,
  );
}, 240_000);
