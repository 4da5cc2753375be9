import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { createLogger } from '../../logger.ts';
import { createAuthority, type Authority } from '../../testing/certificates.ts';
import { echoContract } from '../../testing/echo.ts';
import { eventually } from '../../testing/eventually.ts';
import { startEtcd, type EtcdServer } from '../../testing/servers.ts';
import { createFleet } from '../fleet.test.support.ts';
import { openDiscovery } from '../discovery.ts';
import type { EtcdAccess } from './address.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const contract = echoContract('test.Echo', { read: {} });
const folder = mkdtempSync(join(tmpdir(), 'weft-etcd-tls-'));
const password = 'a secret of the registry';
const ends: (() => unknown)[] = [];
let authority: Authority;
let etcd: EtcdServer;
let files: Awaited<ReturnType<typeof issue>>;
let admin: Etcd3;

beforeAll(async () => {
  authority = await createAuthority();
  files = await issue('etcd');
  etcd = await startEtcd({ tls: files });
  const { ca, cert, key } = await authority.issue('root');
  admin = new Etcd3({
    hosts: etcd.url.replace('etcds:', 'https:'),
    credentials: {
      rootCertificate: Buffer.from(ca),
      certChain: Buffer.from(cert),
      privateKey: Buffer.from(key),
    },
  });
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
afterAll(async () => {
  admin.close();
  await etcd.stop();
  rmSync(folder, { recursive: true });
});

async function issue(name: string, by = authority) {
  const { ca, cert, key } = await by.issue(name);
  const file = (kind: string, text: string): string => {
    const path = join(folder, `${name}.${kind}`);
    writeFileSync(path, text);
    return path;
  };
  return { caFile: file('ca', ca), certFile: file('crt', cert), keyFile: file('key', key) };
}

/** Registers and follows; answers what becomes of both. */
function use(access: EtcdAccess, id = 'a') {
  const { registry, resolver } = openDiscovery(etcd.url, contract, { logger, access, leaseS: 2 });
  const instance = { id, address: `${id}.test:1`, zone: '', weight: 1, version: '', startedAt: '' };
  const registration = registry?.register(instance, ['test.Echo']);
  ends.push(async () => {
    await registration?.deregister();
    await resolver.close();
  });
  let known: readonly string[] = [];
  resolver.watch('test.Echo', (all) => (known = all.map((one) => one.id)));
  return {
    known: () => known,
    resolver,
    registered: () => registration?.status().registered,
    detail: () => `${registration?.status().detail} ${resolver.status().detail}`,
  };
}

test('with its certificate and authority an instance registers, and is found', async () => {
  const { known, registered } = use(await issue('service'));
  await eventually(() => expect(registered()).toBe(true));
  await eventually(() => expect(known()).toEqual(['a']));
});

test('a certificate that was renewed on disk is used by the next connection', async () => {
  const access = await issue('renewed');
  const { registered } = use(access);
  await eventually(() => expect(registered()).toBe(true));
  await issue('renewed');
  await etcd.kill('SIGKILL');
  await eventually(() => expect(registered()).toBe(false));
  await etcd.restart();
  await eventually(() => expect(registered()).toBe(true));
});

test('no certificate, or one of a foreign authority, on either side: nothing is registered or found', async () => {
  const { caFile } = files;
  const foreign = await issue('foreign', await createAuthority());
  const all = [
    use({ caFile }),
    use({ ...foreign, caFile }),
    use({ ...files, caFile: foreign.caFile }),
    use({}),
  ];
  for (const one of all) {
    await eventually(() =>
      expect(one.resolver.status().detail).toMatch(/certificate|TLS|SSL|socket|ECONN|UNAVAILABLE/),
    );
    expect(one.registered()).toBe(false);
    expect(one.known()).toEqual([]);
  }
});

test('a user and password: right ones are taken, also after etcd forgot its sessions; a wrong one is refused, and not told', async () => {
  const root = admin.user('root');
  await root.create('root');
  await root.addRole('root');
  await admin.role('services').create();
  const [key, range_end] = [Buffer.from('/weft/'), Buffer.from('/weft0')];
  await admin.auth.roleGrantPermission({ name: 'services', perm: { permType: 'Readwrite', key, range_end } });
  await admin.user('mesh').create(password);
  await admin.user('mesh').addRole('services');
  await admin.auth.authEnable();
  const access = await issue('service');
  const right = use({ ...access, user: 'mesh', password }, 'right');
  const wrong = use({ ...access, user: 'mesh', password: 'not the secret' }, 'wrong');
  await eventually(() => expect([right.known(), right.detail()]).toEqual([['right'], ' ']));
  await eventually(() => expect(wrong.detail()).toMatch(/authentication failed.*authentication failed/));
  await etcd.restart();
  await eventually(() => expect(right.registered()).toBe(false));
  await eventually(() => expect(right.registered()).toBe(true));
  await eventually(() => expect(right.resolver.status()).toEqual({ connected: true, detail: '' }));
  expect(wrong.registered()).toBe(false);
  expect(wrong.detail()).not.toContain('not the secret');
});

test.each([
  ['etcds://user:hidden@127.0.0.1:1', {}, 'holds a user: set REGISTRY_USER'],
  [
    'etcd://127.0.0.1:1',
    { user: 'a', password: 'hidden' },
    'is not etcds://, and a password goes over TLS alone',
  ],
  ['etcd://127.0.0.1:1', { caFile: 'ca' }, 'is not etcds://, so REGISTRY_CA_FILE'],
  ['etcds://127.0.0.1:1', { certFile: 'crt' }, 'needs REGISTRY_CERT_FILE and REGISTRY_KEY_FILE together'],
  ['etcds://127.0.0.1:1', { user: 'a' }, 'needs REGISTRY_USER and REGISTRY_PASSWORD together'],
  ['etcds://127.0.0.1', {}, 'is no etcd://'],
])('%s with %j is refused, and no secret is repeated', (url, access, why) => {
  const open = () => openDiscovery(url, contract, { logger, access });
  expect(open).toThrow(why);
  expect(open).not.toThrow('hidden');
});

test('a service process takes all of it from its environment, and prints no secret', async () => {
  const { caFile, certFile, keyFile } = await issue('service');
  const secret = { REGISTRY_USER: 'mesh', REGISTRY_PASSWORD: password };
  const named = { REGISTRY_CA_FILE: caFile, REGISTRY_CERT_FILE: certFile, REGISTRY_KEY_FILE: keyFile };
  const fleet = await createFleet(etcd.url, {
    leaseMs: 2_000,
    access: { caFile, certFile, keyFile, user: 'mesh', password },
  });
  ends.push(() => fleet.close());
  const one = fleet.start('one', { ...named, ...secret });
  await fleet.settled('one');
  const bad = fleet.start('bad', {
    REGISTRY: `etcds://mesh:${encodeURIComponent(password)}@127.0.0.1:1`,
    ...named,
  });
  await eventually(() => expect(bad.log()).toContain('REGISTRY_USER'));
  for (const member of [one, bad]) expect(member.log()).not.toMatch(/a(%20| )secret/);
}, 60_000);
