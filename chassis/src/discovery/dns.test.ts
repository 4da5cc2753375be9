import { afterEach, expect, test } from '@jest/globals';
import { createLogger } from '../logger.ts';
import { echoContract } from '../testing/echo.ts';
import { startNameServer, type Zone } from '../testing/name-server.ts';
import { openDiscovery } from './discovery.ts';
import { dnsResolver } from './dns.ts';
import type { Resolver } from './registry.ts';

const contract = echoContract('test.Echo', { read: {} });
const logger = createLogger({ name: 'test', level: 'silent' });
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A name server of a zone. Answers its address. */
async function nameServer(zone: Zone): Promise<string> {
  const server = await startNameServer(zone);
  closing.push(() => server.close());
  return server.address;
}

/** Follows a service; the returned function waits for these addresses. */
function follow(resolver: Resolver, service = 'test.Echo') {
  closing.push(() => resolver.close());
  let last: readonly string[] = [];
  let told = Promise.withResolvers<void>();
  resolver.watch(service, (instances) => {
    last = instances.map(({ address }) => address);
    told.resolve();
    told = Promise.withResolvers();
  });
  return {
    addresses: () => last,
    until: async (wanted: readonly string[]) => {
      while (last.join() !== wanted.join()) await told.promise;
    },
    any: async () => {
      while (last.length === 0) await told.promise;
    },
  };
}

test('every address of a name is an instance, and changes are followed', async () => {
  const zone: Zone = { names: { 'echo.test': ['127.0.0.2', '127.0.0.1'] }, down: false };
  const resolver = dnsResolver(`//${await nameServer(zone)}/echo.test:5000`, contract, logger, 10);
  const { until } = follow(resolver);
  await until(['127.0.0.1:5000', '127.0.0.2:5000']);
  zone.names = { 'echo.test': ['127.0.0.3'] };
  await until(['127.0.0.3:5000']);
  expect(resolver.status()).toEqual({ connected: true, detail: '' });
});

test('while DNS fails, or a name has no address, the last known instances stay', async () => {
  const zone: Zone = { names: { 'echo.test': ['127.0.0.1'] }, down: false };
  const resolver = dnsResolver(`//${await nameServer(zone)}/echo.test:5000`, contract, logger, 10);
  const { until, addresses } = follow(resolver);
  await until(['127.0.0.1:5000']);
  for (const broken of [{ down: true }, { down: false, names: {} }, { names: { 'echo.test': [] } }]) {
    Object.assign(zone, broken);
    while (resolver.status().connected) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(addresses()).toEqual(['127.0.0.1:5000']);
    Object.assign(zone, { down: false, names: { 'echo.test': ['127.0.0.1'] } });
    while (!resolver.status().connected) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  zone.names = { 'echo.test': ['127.0.0.9'] };
  await until(['127.0.0.9:5000']);
});

test('the workload stands in the name, and a second service shares its look-ups', async () => {
  const zone: Zone = { names: { 'echo.shop.test': ['127.0.0.1'] }, down: false };
  const url = `dns://${await nameServer(zone)}/{workload}.shop.test:5000`;
  const { resolver, registry } = openDiscovery(url, contract, { logger });
  expect(registry).toBeUndefined();
  const [one, other] = [follow(resolver), follow(resolver)];
  await one.until(['127.0.0.1:5000']);
  await other.until(['127.0.0.1:5000']);
});

test('without a server the system looks names up', async () => {
  const { addresses, any } = follow(dnsResolver('localhost:5000', contract, logger));
  await any();
  expect(addresses()).toContain('127.0.0.1:5000');
});

test.each(['localhost', '//127.0.0.1', '//ns.test/echo:5000', '//127.0.0.1/echo', 'a/b:5000', ''])(
  'dns:%s is refused',
  (name) => {
    expect(() => dnsResolver(name, contract, logger)).toThrow('is no dns:host:port');
  },
);
