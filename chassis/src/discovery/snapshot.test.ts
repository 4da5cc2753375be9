import { afterEach, expect, test } from '@jest/globals';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../logger.ts';
import { registryState } from '../process-parts.ts';
import { eventually } from '../testing/eventually.ts';
import { startEtcd } from '../testing/servers.ts';
import { etcdRegistry, etcdResolver } from './etcd/etcd.ts';
import { createFleet } from './fleet.test.support.ts';
import type { Instance } from './registry.ts';
import { readSnapshot, SnapshotWriter } from './snapshot.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function cacheFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'weft-cache-'));
  ends.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A logger that keeps what it warned of. */
function listening(): { logger: Logger; warnings: string[] } {
  const warnings: string[] = [];
  const silent = () => undefined;
  const warn = (_: object, text: string): unknown => warnings.push(text);
  return { logger: { warn, info: silent, error: silent, debug: silent } as unknown as Logger, warnings };
}

const instance: Instance = {
  id: 'a',
  address: 'a.test:1',
  zone: 'z',
  weight: 2,
  version: '1',
  startedAt: 't',
};

test('etcd away at the start: the instances last known are in use, and how old they are is told', async () => {
  const etcd = await startEtcd();
  ends.push(() => etcd.stop());
  const cacheDir = cacheFolder();
  const { logger, warnings } = listening();
  const registration = etcdRegistry(etcd.url, { logger, leaseS: 2 }).register(instance, ['test.Echo']);
  ends.push(() => registration.deregister(100));
  const open = () => {
    const resolver = etcdResolver(etcd.url, { logger, cacheDir });
    ends.push(() => resolver.close());
    let last: readonly Instance[] = [];
    resolver.watch('test.Echo', (instances) => {
      last = instances;
    });
    return { resolver, last: () => last };
  };
  const first = open();
  await eventually(() => expect(first.last()).toEqual([instance]));
  await first.resolver.close();
  await etcd.kill('SIGKILL');
  const second = open();
  expect(second.last()).toEqual([instance]);
  await eventually(() => expect(second.resolver.status().detail).toMatch(/ECONNREFUSED/));
  expect(await registryState(second.resolver).state()).toEqual({ ok: false, detail: expect.any(String) });
  expect(second.resolver.status().detail).toMatch(/; in use are the 1 entries saved \d+ s ago \(\d{4}-/);
  await etcd.restart();
  await eventually(() => expect(second.resolver.status()).toEqual({ connected: true, detail: '' }));
  expect(second.last()).toEqual([instance]);
  expect(warnings.filter((text) => text.includes('snapshot'))).toEqual([]);
});

test('a service started without etcd serves, finds others by its snapshot, and says so in /readyz', async () => {
  const cacheDir = cacheFolder();
  const etcd = await startEtcd();
  ends.push(() => etcd.stop());
  const fleet = await createFleet(etcd.url, { leaseMs: 2_000, cacheDir });
  ends.push(() => fleet.close());
  fleet.start('one');
  await fleet.settled('one');
  await eventually(() => expect(readFileSync(join(cacheDir, 'discovery.json'), 'utf8')).toContain('one'));
  await etcd.kill('SIGKILL');
  const two = fleet.start('two', { CACHE_DIR: cacheDir });
  await eventually(async () => {
    const { status, dependencies } = await two.readiness();
    expect(status).toBe(200);
    expect(dependencies).toMatchObject({ registration: { ok: false, required: false } });
  });
  await etcd.restart();
  await fleet.settled('one', 'two');
}, 60_000);

test.each([
  ['no JSON', 'no JSON'],
  ['half of one', '{"format":1,"source":"here","services":{"a.B":[{"id":'],
  ['null', 'null'],
  ['another program’s', '{"version":3}'],
  [
    'of another registry',
    JSON.stringify({ format: 1, source: 'there', savedAt: '2026-01-01', services: {} }),
  ],
  ['without a time', JSON.stringify({ format: 1, source: 'here', services: {} })],
  [
    'with a bad instance',
    JSON.stringify({ format: 1, source: 'here', savedAt: '2026-01-01', services: { a: [{}] } }),
  ],
  [
    'with services that are no lists',
    '{"format":1,"source":"here","savedAt":"2026-01-01","services":{"a":1}}',
  ],
  ['too big', ' '.repeat(16 * 1024 * 1024 + 1)],
])('a snapshot that is %s is ignored, with one line', (_, text) => {
  const folder = cacheFolder();
  writeFileSync(join(folder, 'discovery.json'), text);
  const { logger, warnings } = listening();
  expect(readSnapshot(folder, 'here', logger)).toBeUndefined();
  expect(warnings).toEqual(['the snapshot of discovery is ignored']);
});

test('where there is none, nothing is said', () => {
  const { logger, warnings } = listening();
  expect(readSnapshot(join(cacheFolder(), 'nowhere'), 'here', logger)).toBeUndefined();
  expect(warnings).toEqual([]);
});

test('it is written whole, the last content wins, and nothing else is left in the folder', async () => {
  const folder = cacheFolder();
  const { logger, warnings } = listening();
  const writer = new SnapshotWriter(folder, 'here', logger);
  for (let i = 0; i < 100; i += 1) writer.write(() => ({ 'a.B': [{ ...instance, id: `i${i}` }] }));
  await writer.close();
  const { instances, savedAt } = readSnapshot(folder, 'here', logger) ?? {};
  expect(instances).toEqual([['a.B', { ...instance, id: 'i99' }]]);
  expect(Math.abs(Date.now() - (savedAt ?? 0))).toBeLessThan(10_000);
  expect(readdirSync(folder)).toEqual(['discovery.json']);
  expect(warnings).toEqual([]);
});

test('a folder that cannot be written to is told once, however often it is tried', async () => {
  const folder = cacheFolder();
  const file = join(folder, 'file');
  writeFileSync(file, '');
  chmodSync(file, 0o400);
  const { logger, warnings } = listening();
  for (let i = 0; i < 3; i += 1) {
    const writer = new SnapshotWriter(join(file, 'below'), 'here', logger);
    writer.write(() => ({}));
    await writer.close();
    writer.write(() => ({}));
    await writer.close();
    expect(warnings).toEqual(Array<string>(i + 1).fill('the snapshot of discovery cannot be written'));
  }
});

test('what cannot be registered is a fault at the start, and names its variable', async () => {
  const fleet = await createFleet('etcd://127.0.0.1:1', { leaseMs: 2_000 });
  ends.push(() => fleet.close());
  const everywhere = fleet.start('x', { GRPC_HOST: '0.0.0.0' });
  const slashed = fleet.start('a/b');
  await eventually(() => expect(everywhere.log()).toContain('ADVERTISE_HOST is not set'));
  await eventually(() => expect(slashed.log()).toContain('INSTANCE_ID cannot be registered'));
  await eventually(() => expect([everywhere.process.exitCode, slashed.process.exitCode]).toEqual([1, 1]));
});
