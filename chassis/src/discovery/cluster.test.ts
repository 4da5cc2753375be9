import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { echoService } from '../testing/echo-methods.ts';
import { startEtcdCluster, type EtcdCluster } from '../testing/etcd-cluster.ts';
import { viewEtcd, type EtcdView } from '../testing/etcd-view.ts';
import { eventually } from '../testing/eventually.ts';
import { etcdAnswers, type EtcdServer } from '../testing/servers.ts';
import { createFleet, figures, type Fleet, type Member } from './fleet.test.support.ts';

// PROVE=1: the lease of production, and longer outages.
const prove = process.env['PROVE'] === '1';
const leaseMs = prove ? 10_000 : 2_000;
const outageMs = prove ? 25_000 : leaseMs + 600;

let cluster: EtcdCluster;
let view: EtcdView;
let fleet: Fleet;
let two: Member;

beforeAll(async () => {
  cluster = await startEtcdCluster();
  view = viewEtcd(cluster.url);
  fleet = await createFleet(cluster.url, { leaseMs });
  fleet.start('one');
  two = fleet.start('two');
  await fleet.settled('one', 'two');
}, 60_000);

afterAll(async () => {
  await fleet.close();
  view.close();
  await cluster.stop();
});

const node = (i: number): EtcdServer => {
  const found = cluster.nodes[i];
  if (found === undefined) throw new Error(`there is no node ${i}`);
  return found;
};
const isRegistered = async (...ids: readonly string[]) => {
  const found = await view.registrations();
  expect([...found.keys()]).toEqual(ids.map((id) => `${echoService}/${id}`));
};
const heard = () => expect(fleet.discovery.resolver.status()).toEqual({ connected: true, detail: '' });

/** Runs an outage under calls, and answers how many there were, and what failed. */
async function underLoad(work: () => Promise<void>) {
  const load = fleet.load();
  await work();
  await load.stop();
  return { failures: load.failures, served: Object.values(load.served).reduce((a, b) => a + b, 0) };
}

test.each(prove ? (['SIGKILL', 'SIGSTOP'] as const) : (['SIGKILL'] as const))(
  'one of three nodes lost (%s): no call fails, and the registry stays whole and heard',
  async (signal) => {
    for (const which of prove ? [0, 1, 2] : [0]) {
      const { failures, served } = await underLoad(async () => {
        await node(which).kill(signal);
        // A new leader has to be found, where the one that was lost had that part.
        await eventually(() => isRegistered('one', 'two'), 6_000);
        for (const until = performance.now() + outageMs; performance.now() < until; await delay(100))
          await eventually(() => isRegistered('one', 'two'), 6_000);
        await eventually(heard);
        if (signal === 'SIGKILL') await node(which).restart();
        else await node(which).kill('SIGCONT');
        await eventually(() => isRegistered('one', 'two'));
      });
      expect(failures).toEqual([]);
      figures(`node ${which} lost (${signal}): ${served} calls, 0 failed`);
    }
  },
  400_000,
);

test('two of three nodes lost for longer than the lease: no call fails, and all are back within 5 s', async () => {
  let backMs = 0;
  const { failures, served } = await underLoad(async () => {
    await Promise.all([node(1), node(2)].map((lost) => lost.kill('SIGKILL')));
    await eventually(() => expect(fleet.discovery.resolver.status().connected).toBe(false));
    await delay(outageMs);
    const restarted = Promise.all([node(1), node(2)].map((lost) => lost.restart()));
    await eventually(() => etcdAnswers(node(0).metricsUrl));
    const usable = performance.now();
    await eventually(() => isRegistered('one', 'two'), 5_000);
    await eventually(heard, 5_000);
    backMs = performance.now() - usable;
    await restarted;
  });
  expect(failures).toEqual([]);
  figures(
    `two of three nodes lost: ${served} calls, 0 failed; registered and heard again after ${backMs.toFixed(0)} ms`,
  );
}, 180_000);

test('a service frozen past its lease: it is dropped, and back by itself within 5 s', async () => {
  let backMs = 0;
  const { failures, served } = await underLoad(async () => {
    two.process.kill('SIGSTOP');
    await eventually(() => isRegistered('one'), leaseMs * 2);
    if (prove) await delay(outageMs);
    two.process.kill('SIGCONT');
    const thawed = performance.now();
    await eventually(() => isRegistered('one', 'two'), 5_000);
    backMs = performance.now() - thawed;
  });
  // Whatever was on its way to the frozen one waits for it, until its deadline.
  for (const failure of failures) expect(failure).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(failures.length).toBeLessThanOrEqual(prove ? served / 20 : 0);
  await fleet.settled('one', 'two');
  figures(
    `a service frozen past its lease: ${served} calls, ${failures.length} hit their deadline; back after ${backMs.toFixed(0)} ms`,
  );
}, 180_000);
