import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { createLogger } from '../logger.ts';
import { echoContract } from '../testing/echo.ts';
import { openDiscovery } from './discovery.ts';
import { dnsResolver } from './dns.ts';
import type { Resolver } from './registry.ts';

const contract = echoContract('test.Echo', { read: {} });
const logger = createLogger({ name: 'test', level: 'silent' });
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Names with their IPv4 addresses; `down`: it answers SERVFAIL. */
interface Zone {
  names: Record<string, readonly string[]>;
  down: boolean;
}

/** A name server (RFC 1035) over UDP. Answers its address. */
async function nameServer(zone: Zone): Promise<string> {
  const socket: Socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => socket.send(answerTo(query, zone), port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closing.push(() => new Promise<void>((resolve) => socket.close(resolve)));
  return `127.0.0.1:${(socket.address() as AddressInfo).port}`;
}

function answerTo(query: Buffer, { names, down }: Zone): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('ascii', at + 1, at + 1 + length));
    at += length + 1;
  }
  const isA = query.readUInt16BE(at + 1) === 1;
  const known = names[labels.join('.')];
  const found = isA && !down ? (known ?? []) : [];
  const [ok, serverFailure, noSuchName] = [0, 2, 3];
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | (down ? serverFailure : known === undefined ? noSuchName : ok), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found.length, 6);
  const records = found.map((ip) =>
    // The name by reference, type A, class IN, 1 s, 4 bytes.
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...ip.split('.').map(Number)]),
  );
  return Buffer.concat([header, query.subarray(12, at + 5), ...records]);
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
