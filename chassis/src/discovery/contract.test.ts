import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../logger.ts';
import { echoContract } from '../testing/echo.ts';
import { viewEtcd, type EtcdView } from '../testing/etcd-view.ts';
import { eventually } from '../testing/eventually.ts';
import { startNameServer, type Zone } from '../testing/name-server.ts';
import { startEtcd, type EtcdServer } from '../testing/servers.ts';
import { dnsResolver } from './dns.ts';
import { etcdResolver } from './etcd/etcd.ts';
import { followedList } from './followed-list.ts';
import type { Resolver } from './registry.ts';

/** Where instances are known from, and what can become of it. Every address is `127.0.0.<n>:5000`. */
interface Source {
  readonly resolver: Resolver;
  /** From now on these are the instances. */
  set(...hosts: readonly number[]): Promise<void>;
  away(): Promise<void>;
  back(): Promise<void>;
  /** From now on it tells something that cannot be used; until `set`. */
  spoil(): Promise<void>;
  close(): Promise<void>;
}

const service = 'test.Echo';
const contract = echoContract(service, { read: {} });
const logger = createLogger({ name: 'test', level: 'silent' });
const address = (host: number): string => `127.0.0.${host}:5000`;
let etcd: EtcdServer;
let view: EtcdView;

beforeAll(async () => {
  etcd = await startEtcd();
  view = viewEtcd(etcd.url);
});
afterAll(async () => {
  view.close();
  await etcd.stop();
});

async function etcdSource(): Promise<Source> {
  const key = (name: string | number) => `/weft/services/${service}/${name}`;
  const put = (host: number, weight: number) =>
    view.client.put(key(host)).value(JSON.stringify({ address: address(host), weight }));
  let present: readonly number[] = [];
  return {
    resolver: etcdResolver(etcd.url, { logger }),
    async set(...hosts) {
      for (const host of present.filter((one) => !hosts.includes(one))) await put(host, 0);
      for (const host of hosts) await put(host, 1);
      present = hosts;
    },
    away: () => etcd.kill('SIGKILL'),
    back: () => etcd.restart(),
    async spoil() {
      for (const host of present) await view.client.put(key(host)).value('{"address":');
      await view.client.put(key('more/than/one')).value('{}');
    },
    async close() {
      await view.client.delete().all();
    },
  };
}

async function dnsSource(): Promise<Source> {
  const zone: Zone = { names: {} };
  const server = await startNameServer(zone);
  return {
    resolver: dnsResolver(`//${server.address}/echo.test:5000`, contract, logger, 10),
    async set(...hosts) {
      Object.assign(zone, { names: { 'echo.test': hosts.map((host) => `127.0.0.${host}`) }, broken: false });
    },
    async away() {
      zone.down = true;
    },
    async back() {
      zone.down = false;
    },
    async spoil() {
      zone.broken = true;
    },
    close: () => server.close(),
  };
}

async function fileSource(): Promise<Source> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-list-'));
  const file = join(folder, 'instances');
  const write = (text: string): void => {
    writeFileSync(`${file}.next`, text);
    renameSync(`${file}.next`, file);
  };
  write(`${service}=127.0.0.9:5000`);
  return {
    resolver: followedList(file, contract, logger, 10),
    set: async (...hosts) => write(`${service}=${hosts.map(address).join('|')}\n`),
    away: async () => renameSync(file, `${file}.away`),
    back: async () => renameSync(`${file}.away`, file),
    spoil: async () => write('what is this?'),
    close: async () => rmSync(folder, { recursive: true }),
  };
}

describe.each([
  ['etcd', etcdSource],
  ['dns', dnsSource],
  ['static', fileSource],
])('%s:', (name, open) => {
  let source: Source;

  beforeAll(async () => {
    source = await open();
  });
  afterAll(async () => {
    await source.resolver.close();
    await source.close();
  });
  const ends: (() => void)[] = [];
  afterEach(() => ends.splice(0).forEach((end) => end()));

  /** All lists that a follower is told. */
  function follow() {
    const told: string[][] = [];
    const end = source.resolver.watch(service, (all) => told.push(all.map((one) => one.address).sort()));
    ends.push(end);
    const until = (...hosts: readonly number[]) =>
      eventually(() => expect(told.at(-1)).toEqual(hosts.map(address)));
    return { told, until, end };
  }

  test('the first list is told, to each who follows', async () => {
    await source.set(1, 2);
    const [one, other] = [follow(), follow()];
    await one.until(1, 2);
    await other.until(1, 2);
    const late = follow();
    expect(late.told).toEqual([[address(1), address(2)]]);
    await eventually(() => expect(source.resolver.status()).toEqual({ connected: true, detail: '' }));
  });

  test('a change is told, and only to those who still follow', async () => {
    const [one, gone] = [follow(), follow()];
    await gone.until(1, 2);
    gone.end();
    const before = gone.told.length;
    await source.set(2, 3, 4);
    await one.until(2, 3, 4);
    expect(gone.told).toHaveLength(before);
    expect(one.told).not.toContainEqual([]);
  });

  test('a source that is away empties nothing, says so, and is heard again when it is back', async () => {
    const one = follow();
    await one.until(2, 3, 4);
    const before = one.told.length;
    await source.away();
    await eventually(() => expect(source.resolver.status().connected).toBe(false));
    expect(source.resolver.status().detail).not.toBe('');
    expect(follow().told).toEqual([[2, 3, 4].map(address)]);
    await source.back();
    await eventually(() => expect(source.resolver.status()).toEqual({ connected: true, detail: '' }));
    expect(one.told).toHaveLength(before);
    await source.set(3, 4);
    await one.until(3, 4);
  });

  test('bad data change nothing, and good ones after them are heard', async () => {
    const one = follow();
    await one.until(3, 4);
    const before = one.told.length;
    await source.spoil();
    // etcd's bad values are skipped one by one; the others have nothing else to tell of.
    await eventually(() => name === 'etcd' || !source.resolver.status().connected);
    await source.set(3, 5);
    await one.until(3, 5);
    for (const list of one.told.slice(before)) expect(list.length).toBeGreaterThan(0);
    await eventually(() => expect(source.resolver.status().connected).toBe(true));
  });

  test('who throws on being told harms nobody', async () => {
    let thrown = 0;
    const stop = source.resolver.watch(service, () => {
      thrown += 1;
      throw new Error('a listener that fails');
    });
    const one = follow();
    await one.until(3, 5);
    await source.set(6);
    await one.until(6);
    expect(thrown).toBeGreaterThan(1);
    expect(source.resolver.status()).toEqual({ connected: true, detail: '' });
    stop();
  });

  test('once closed it tells nothing more, whatever is done', async () => {
    const one = follow();
    await one.until(6);
    const before = one.told.length;
    await source.resolver.close();
    await source.resolver.close();
    await source.set(7);
    const late = follow();
    late.end();
    // Long enough for those that look again and again to have looked.
    const other = await open();
    const stop = other.resolver.watch(service, () => undefined);
    await eventually(() => expect(other.resolver.status().connected).toBe(true));
    stop();
    await other.resolver.close();
    if (name !== 'etcd') await other.close();
    expect(one.told).toHaveLength(before);
    expect(late.told).toEqual([]);
  });
});
