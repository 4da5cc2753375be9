import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { CallContext } from '../call-context.ts';
import { client } from '../client/client.ts';
import { http2Connect } from '../client/http2-connection.ts';
import { createMesh, type Mesh } from '../client/mesh.ts';
import { staticResolver } from '../discovery/listed.ts';
import type { ServiceError } from '../errors.ts';
import { createLogger } from '../logger.ts';
import { createAuthority, type Authority, type Identity } from '../testing/certificates.ts';
import { echoContract, echoDefinition } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { followedTls, type TestTls } from '../testing/followed-tls.ts';
import type { PeerRefusal } from '../tls-refusals.ts';
import { fixedTls, type TlsSource } from '../tls-source.ts';
import { implement } from './implement.ts';
import { createServer, type GrpcServer, type GrpcServerOptions } from './server.ts';
import type { TokenVerifier } from './tokens.ts';

// A busy machine must not fail a test. `make prove` runs this for a minute, with a rotation every 5 s.
jest.setTimeout(120_000);
const rotations = Number(process.env['ROTATIONS'] ?? 4);
const everyMs = Number(process.env['ROTATE_EVERY_MS'] ?? 100);

const methods = {
  work: {},
  endless: { responseStream: true },
  mine: { responseStream: true, access: { kind: 'user' } },
} as const;
const definition = echoDefinition('test.Echo', methods);
const contract = echoContract('test.Echo', methods);
const logger = createLogger({ name: 'test', level: process.env['LOG_LEVEL'] ?? 'silent' });
let old: Authority;
let next: Authority;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  [old, next] = await Promise.all([createAuthority(), createAuthority()]);
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
afterAll(() => expect(ends).toEqual([]));

const buffers = ({ ca, cert, key }: Identity) => ({
  ca: Buffer.from(ca),
  cert: Buffer.from(cert),
  key: Buffer.from(key),
});

async function serve(
  tls: TlsSource,
  options: Partial<GrpcServerOptions> = {},
): Promise<{ server: GrpcServer; port: number }> {
  const ticks = async function* (_: unknown, { signal }: CallContext) {
    while (!signal.aborted) {
      yield 1;
      await delay(10);
    }
  };
  const work = implement(definition, {
    work: async (request) => {
      await delay(Number(request));
      return request;
    },
    endless: ticks,
    mine: ticks,
  });
  const server = createServer({
    workload: 'echo',
    contract,
    services: [work],
    tls,
    trustDomain: 'weft.local',
    logger,
    ...options,
  });
  const port = await server.listen('127.0.0.1', 0);
  ends.push(() => server.drain(1_000));
  return { server, port };
}

function meshOf(port: number, tls: TlsSource): Mesh {
  const mesh = createMesh({
    contract,
    resolver: staticResolver(new Map([['echo', [`127.0.0.1:${port}`]]]), contract),
    connect: http2Connect({ kind: 'mesh', tls }),
    logger,
  });
  ends.push(() => mesh.close());
  return mesh;
}

function followed(identity: Identity): TestTls {
  const tls = followedTls(identity, logger);
  ends.push(() => tls.close());
  return tls;
}

/** Calls without a pause, none of which may be repeated; answers how to stop, and what was called. */
function load(mesh: Mesh): () => Promise<number> {
  let running = true;
  let calls = 0;
  const one = async (): Promise<void> => {
    while (running) {
      calls += 1;
      await client(definition, mesh).work(calls % 7 === 0 ? 30 : 1);
    }
  };
  const all = Promise.all(Array.from({ length: 8 }, one));
  // It may fail before anybody waits for it.
  all.catch(() => undefined);
  return async () => {
    running = false;
    await all;
    return calls;
  };
}

/** A connection by hand, that does not follow any files. */
async function raw(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['h2'],
    ...options,
  });
  ends.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket.resume();
}

test('certificates are replaced on both sides under load: no call fails', async () => {
  const serverTls = followed(await old.issue('echo'));
  const clientTls = followed(await old.issue('edge'));
  const { port } = await serve(serverTls.source);
  const stop = load(meshOf(port, clientTls.source));
  for (let rotation = 0; rotation < rotations; rotation += 1) {
    await delay(everyMs);
    const { cert, key } = await old.issue('echo');
    serverTls.write({ cert, key });
    const own = await old.issue('edge');
    clientTls.write({ cert: own.cert, key: own.key });
    await eventually(() => {
      expect(serverTls.source.current().cert.toString()).toBe(cert);
      expect(clientTls.source.current().cert.toString()).toBe(own.cert);
    });
  }
  const calls = await stop();
  process.stderr.write(`figures: ${calls} calls over ${rotations} rotations of both sides, none failed\n`);
  expect(calls).toBeGreaterThan(100);
  // What is shown is the last one.
  const socket = await raw(port, buffers(await old.issue('edge')));
  expect(socket.getPeerX509Certificate()?.toString().trim()).toBe(
    serverTls.source.current().cert.toString().trim(),
  );
});

test('an authority gives way to another under load: no call fails, the old one counts no more', async () => {
  const serverTls = followed(await old.issue('echo'));
  const clientTls = followed(await old.issue('edge'));
  const { port } = await serve(serverTls.source, { connectionGraceMs: 500 });
  const stop = load(meshOf(port, clientTls.source));
  const left = await raw(port, buffers(await old.issue('edge')));
  const both = `${old.ca}\n${next.ca}`;
  const step = async (server: Partial<Identity>, own: Partial<Identity>) => {
    serverTls.write(server);
    clientTls.write(own);
    await eventually(() => {
      expect(serverTls.source.current().ca.toString()).toBe(server.ca);
      expect(clientTls.source.current().ca.toString()).toBe(own.ca);
    });
    // Under load on the new footing.
    await delay(everyMs);
  };
  await step({ ca: both }, { ca: both });
  await step({ ...(await next.issue('echo')), ca: both }, { ...(await next.issue('edge')), ca: both });
  await step({ ca: next.ca }, { ca: next.ca });
  expect(await stop()).toBeGreaterThan(50);
  // Who stayed with the old one was sent away, and does not come in again.
  await eventually(() => left.destroyed || left.readyState === 'closed');
  const again = connectTls({
    port,
    host: '127.0.0.1',
    ...buffers(await old.issue('edge')),
    rejectUnauthorized: false,
  });
  ends.push(() => again.destroy());
  await expect(once(again, 'end').then(() => Promise.reject(new Error('ended')))).rejects.toThrow(
    /alert|ended|ECONNRESET/,
  );
});

test('files that do not belong together leave the identity before in use, until they do', async () => {
  const tls = followed(await old.issue('edge'));
  const before = tls.source.current();
  let changes = 0;
  tls.source.onChange(() => (changes += 1));
  const after = await old.issue('edge');
  tls.write({ key: after.key });
  await delay(100);
  expect(tls.source.current()).toBe(before);
  tls.write({ cert: after.cert });
  await eventually(() => expect(tls.source.current().cert.toString()).toBe(after.cert));
  tls.write({ ...(await old.issue('edge', { validMs: -1_000 })) });
  await delay(100);
  expect(tls.source.current().cert.toString()).toBe(after.cert);
  expect(changes).toBe(1);
});

test('a connection ends with the certificate that it was opened with: its streams are told to go elsewhere', async () => {
  const { port } = await serve(fixedTls(buffers(await old.issue('echo'))));
  const mesh = meshOf(port, fixedTls(buffers(await old.issue('edge', { validMs: 1_500 }))));
  const error = await (async () => {
    for await (const _ of client(definition, mesh).endless({}));
  })().catch((failure: unknown) => failure);
  expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'SERVER_DRAINING' });
  await expect(client(definition, mesh).work(0, { timeoutMs: 300 })).rejects.toMatchObject({
    reason: 'NO_INSTANCE',
  });
});

test('an old connection is replaced without a failed call, and its streams are told to go elsewhere', async () => {
  const { port } = await serve(fixedTls(buffers(await old.issue('echo'))), { maxConnectionAgeMs: 200 });
  const mesh = meshOf(port, fixedTls(buffers(await old.issue('edge'))));
  const stop = load(mesh);
  const reasons: unknown[] = [];
  const began = Date.now();
  while (reasons.length < 4)
    try {
      for await (const _ of client(definition, mesh).endless({}));
    } catch (error) {
      reasons.push((error as ServiceError).reason);
    }
  // Each on a connection of its own, that lived as long as it might.
  expect(Date.now() - began).toBeGreaterThan(3 * 180);
  expect(new Set(reasons)).toEqual(new Set(['SERVER_DRAINING']));
  expect(await stop()).toBeGreaterThan(50);
});

test('streams of a session that is ended are ended, those of others go on', async () => {
  let revoke: (sessionIds: ReadonlySet<string>) => void = () => undefined;
  const tokens: TokenVerifier = {
    verify: async (token) => ({ id: token, roles: [], sessionId: token, expiresAtMs: Infinity }),
    onRevoked: (listener) => void (revoke = listener),
  };
  const { port } = await serve(fixedTls(buffers(await old.issue('echo'))), { tokens });
  const mesh = meshOf(port, fixedTls(buffers(await old.issue('edge'))));
  const seen = { ended: 0, staying: 0 };
  const stream = async (token: keyof typeof seen): Promise<unknown> => {
    const metadata = ['authorization', `Bearer ${token}`];
    for await (const _ of client(definition, mesh).mine({}, { metadata })) seen[token] += 1;
    return undefined;
  };
  const [ended, staying] = [stream('ended'), stream('staying')];
  staying.catch(() => undefined);
  await Promise.race([ended, eventually(() => seen.ended > 0 && seen.staying > 0)]);
  revoke(new Set(['ended']));
  await expect(ended).rejects.toMatchObject({ code: 'UNAUTHENTICATED', reason: 'SESSION_REVOKED' });
  const before = seen.staying;
  await eventually(() => seen.staying > before + 3);
});

test('a TLS session is not resumed: what stands for a certificate would outlive it', async () => {
  const { port } = await serve(fixedTls(buffers(await old.issue('echo'))));
  const identity = buffers(await old.issue('edge'));
  const first = await raw(port, identity);
  const sessions: Buffer[] = [];
  first.on('session', (session) => sessions.push(session));
  await Promise.race([once(first, 'session'), delay(200)]);
  const [session] = sessions;
  const second = await raw(port, { ...identity, ...(session === undefined ? {} : { session }) });
  expect(second.isSessionReused()).toBe(false);
});

test.each<[string, () => Promise<ConnectionOptions>, PeerRefusal['reason']]>([
  ['no certificate', async () => ({ ca: Buffer.from(old.ca) }), 'no_certificate'],
  ['an expired one', async () => buffers(await old.issue('edge', { validMs: -1_000 })), 'expired'],
  [
    'one of another authority',
    async () => ({ ...buffers(await next.issue('edge')), ca: Buffer.from(old.ca) }),
    'authority',
  ],
  [
    'TLS 1.2',
    async () => ({ ...buffers(await old.issue('edge')), maxVersion: 'TLSv1.2' as const }),
    'handshake',
  ],
])('a client with %s is refused, and told of', async (_, identity, reason) => {
  const refusals: PeerRefusal[] = [];
  const tls = {
    ...fixedTls(buffers(await old.issue('echo'))),
    refused: (one: PeerRefusal) => void refusals.push(one),
  };
  const { port } = await serve(tls);
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    ...(await identity()),
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['h2'],
  });
  ends.push(() => socket.destroy());
  socket.on('error', () => undefined);
  await eventually(() =>
    expect(refusals).toEqual([{ side: 'server', reason, peer: '127.0.0.1', detail: expect.any(String) }]),
  );
  await eventually(() => socket.destroyed);
});

test('a client of another trust domain is told of', async () => {
  const refusals: PeerRefusal[] = [];
  const tls = {
    ...fixedTls(buffers(await old.issue('echo'))),
    refused: (one: PeerRefusal) => void refusals.push(one),
  };
  const { port } = await serve(tls);
  const mesh = meshOf(port, fixedTls(buffers(await old.issue('edge', { trustDomain: 'other.example' }))));
  await expect(client(definition, mesh).work(0)).rejects.toMatchObject({ reason: 'CERTIFICATE_REQUIRED' });
  expect(refusals).toMatchObject([
    { side: 'server', reason: 'workload', detail: expect.stringContaining('other.example') },
  ]);
});

test('a server that is not who it should be is refused, and told of', async () => {
  for (const [identity, reason] of [
    [await old.issue('mallory'), 'workload'],
    [await old.issue('echo', { validMs: -1_000 }), 'expired'],
    [{ ...(await next.issue('echo')), ca: `${old.ca}\n${next.ca}` }, 'authority'],
  ] as const) {
    const refusals: PeerRefusal[] = [];
    const { port } = await serve(fixedTls(buffers(identity)));
    const mesh = meshOf(port, {
      ...fixedTls(buffers(await old.issue('edge'))),
      refused: (one) => void refusals.push(one),
    });
    await expect(client(definition, mesh).work(0, { timeoutMs: 400 })).rejects.toMatchObject({
      reason: 'NO_INSTANCE',
    });
    expect(refusals[0]).toMatchObject({ side: 'client', reason, peer: `127.0.0.1:${port}` });
  }
});
