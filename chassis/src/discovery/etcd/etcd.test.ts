import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createLogger } from '../../logger.ts';
import { viewEtcd, type EtcdView } from '../../testing/etcd-view.ts';
import { startEtcd, type EtcdServer } from '../../testing/servers.ts';
import { eventually } from '../../testing/eventually.ts';
import type { Instance, Registration, Resolver } from '../registry.ts';
import { etcdRegistry, etcdResolver } from './etcd.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const service = 'test.Echo';
const leaseS = 2;
const prefix = '/weft/services/';
let etcd: EtcdServer;
let view: EtcdView;
let open: { registrations: Registration[]; resolvers: Resolver[] } = { registrations: [], resolvers: [] };

beforeAll(async () => {
  etcd = await startEtcd();
  view = viewEtcd(etcd.url);
});

afterEach(async () => {
  for (const registration of open.registrations) await registration.deregister(500);
  for (const resolver of open.resolvers) await resolver.close();
  open = { registrations: [], resolvers: [] };
});

afterAll(async () => {
  view.close();
  await etcd.stop();
});

function instance(id: string): Instance {
  return { id, address: `${id}.test:1`, zone: '', weight: 1, version: '1', startedAt: '' };
}

function register(id: string): Registration {
  const registration = etcdRegistry(etcd.url, { logger, leaseS }).register(instance(id), [
    service,
    'test.Other',
  ]);
  open.registrations.push(registration);
  return registration;
}

/** Follows a service: all lists that a client was told. */
function follow(options: { graceMs?: number } = {}) {
  const resolver = etcdResolver(etcd.url, { logger, graceMs: 60_000, ...options });
  open.resolvers.push(resolver);
  const told: string[][] = [];
  resolver.watch(service, (instances) => told.push(instances.map(({ id }) => id).sort()));
  return { resolver, told, last: () => told.at(-1) ?? [] };
}

test('an instance is told of at once, and its going too', async () => {
  const { told, last } = follow();
  const first = register('a');
  await eventually(() => expect(last()).toEqual(['a']));
  register('b');
  await eventually(() => expect(last()).toEqual(['a', 'b']));
  await first.deregister();
  await eventually(() => expect(last()).toEqual(['b']));
  expect(told).not.toContainEqual([]);
});

test('the names of all services are told, those of new ones at once, and none is told twice', async () => {
  const { resolver } = follow();
  const told: (readonly string[])[] = [];
  resolver.services((names) => told.push(names));
  register('a');
  await eventually(() => expect(told.at(-1)).toEqual(['test.Echo', 'test.Other']));
  const registration = etcdRegistry(etcd.url, { logger, leaseS }).register(instance('b'), ['test.New']);
  open.registrations.push(registration);
  await eventually(() => expect(told.at(-1)).toEqual(['test.Echo', 'test.New', 'test.Other']));
  register('c');
  await eventually(() => expect(resolver.status().connected).toBe(true));
  expect(new Set(told.map(String)).size).toBe(told.length);
  const late: (readonly string[])[] = [];
  resolver.services((names) => late.push(names));
  expect(late).toEqual([told.at(-1)]);
});

test('a value that cannot be read is skipped', async () => {
  const { last } = follow();
  const { client } = view;
  await client.put(`${prefix}${service}/bad`).value('{"address": 5}');
  await client.put(`${prefix}${service}/worse`).value('no JSON');
  register('c');
  await eventually(() => expect(last()).toEqual(['c']));
  await client.delete().prefix(prefix);
});

test('keys that somebody deleted are put again', async () => {
  register('a');
  const { client } = view;
  const keys = async () => (await client.getAll().prefix(prefix).keys()).length;
  await eventually(async () => expect(await keys()).toBe(2));
  await client.delete().prefix(prefix);
  await eventually(async () => expect(await keys()).toBe(2));
});

test('an instance whose lease ended stays while it is the last, and goes when another has come', async () => {
  const { last } = follow({ graceMs: 0 });
  const { client } = view;
  const key = `${prefix}${service}/dead`;
  await client.put(key).value(JSON.stringify({ address: '127.0.0.1:9' }));
  await eventually(() => expect(last()).toEqual(['dead']));
  await client.delete().key(key);
  const live = follow({ graceMs: 0 });
  register('alive');
  await eventually(() => expect(live.last()).toEqual(['alive']));
  await eventually(() => expect(last()).toEqual(['alive']));
});
