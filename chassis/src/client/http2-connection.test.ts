import { once } from 'node:events';
import { createServer, type Http2Session } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, expect, test } from '@jest/globals';
import { ServerCredentials } from '@grpc/grpc-js';
import { staticResolver } from '../discovery/listed.ts';
import { createLogger } from '../logger.ts';
import { createAuthority } from '../testing/certificates.ts';
import { echoContract, echoWorkload } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { rawPath, startRawServer, type RawServer } from '../testing/raw-server.ts';
import { startRelay } from '../testing/relay.ts';
import { tlsIdentity } from '../testing/tls.ts';
import type { TlsIdentity } from '../tls.ts';
import type { Attempt, Connection } from './connection.ts';
import { http2Connect, type Http2Options } from './http2-connection.ts';
import type { Http2Security } from './http2-security.ts';
import { createMesh } from './mesh.ts';
import { connectionLost, notSent } from './retry.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const plaintext: Http2Security = { kind: 'plaintext' };

function open(address: string, security = plaintext, options: Http2Options = {}): Connection {
  const connection = http2Connect(security, options)(address, undefined, () => undefined);
  ends.push(() => connection.close());
  return connection;
}

async function serve(...args: Parameters<typeof startRawServer>): Promise<RawServer> {
  const server = await startRawServer(...args);
  ends.push(() => server.kill());
  return server;
}

function unary(text: string, options: Partial<Attempt> = {}): Attempt {
  const base = { path: rawPath('unary'), request: Buffer.from(text), deadlineMs: Infinity, signals: [] };
  return { ...base, metadata: [], ...options };
}

test('a hundred calls at once take turns where five streams are allowed', async () => {
  const server = await serve(undefined, { 'grpc.max_concurrent_streams': 5 });
  const connection = open(server.address);
  await eventually(() => connection.ready);
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => connection.unary(unary(`slow 2 ${i}`))),
  );
  expect(answers.map(({ message }) => Buffer.from(message).toString())).toEqual(
    Array.from({ length: 100 }, (_, i) => `slow 2 ${i}`),
  );
});

test('a call that waits for a stream leaves at its deadline, when it is cancelled, and when the line is long', async () => {
  const server = await serve(undefined, { 'grpc.max_concurrent_streams': 1 });
  const connection = open(server.address);
  await eventually(() => connection.ready);
  const stop = new AbortController();
  const hanging = connection.unary(unary('hang', { signals: [stop.signal] }));
  const cancel = new AbortController();
  const cancelled = connection.unary(unary('x', { signals: [cancel.signal] }));
  const late = connection.unary(unary('x', { deadlineMs: Date.now() + 30 }));
  await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  cancel.abort();
  await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
  const leave = new AbortController();
  const line = Array.from({ length: 1_000 }, (_, i) =>
    connection.unary(unary('x', i < 10 ? {} : { signals: [leave.signal] })),
  );
  await expect(connection.unary(unary('x'))).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: notSent });
  expect(server.seen.calls).toBe(1);
  leave.abort();
  stop.abort();
  await expect(hanging).rejects.toMatchObject({ code: 'CANCELLED' });
  const outcomes = await Promise.allSettled(line);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  expect(server.seen.calls).toBe(11);
});

test('an instance that drains under load fails no call', async () => {
  const authority = await createAuthority();
  const [identity, tls] = await Promise.all([
    tlsIdentity(authority, echoWorkload),
    tlsIdentity(authority, 'edge'),
  ]);
  const contract = echoContract('test.Raw', { unary: {} });
  const [staying, first] = [await serve(identity), await serve(identity)];
  const addresses = [staying.address, first.address];
  const mesh = createMesh({
    contract,
    resolver: staticResolver(new Map([['test.Raw', addresses]]), contract),
    connect: http2Connect({ kind: 'mesh', tls }),
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
  ends.push(() => mesh.close());
  mesh.prepare(['test.Raw']);
  await eventually(() => mesh.instances('test.Raw').every(({ ready }) => ready));
  let running = true;
  let sent = 0;
  const load = async (): Promise<void> => {
    while (running) {
      sent += 1;
      // Not repeated once sent: the method is not idempotent.
      await mesh.unary(rawPath('unary'), Buffer.from(sent % 5 === 0 ? 'slow 20' : 'x'));
    }
  };
  const all = Promise.all(Array.from({ length: 10 }, load));
  let draining = first;
  for (let round = 0; round < 3; round += 1) {
    const { seen, server } = draining;
    await Promise.race([all, eventually(() => seen.calls > 50)]);
    await Promise.race([all, new Promise((resolve) => server.tryShutdown(resolve))]);
    draining = await serve(identity, {}, first.port);
  }
  running = false;
  await all;
  expect(sent).toBeGreaterThan(150);
});

test('a peer that is frozen is found by its silence, and left', async () => {
  const server = await serve(undefined);
  const relay = await startRelay(server.port);
  ends.push(() => relay.close());
  const connection = open(relay.address, plaintext, { keepaliveMs: 50, keepaliveTimeoutMs: 100 });
  await eventually(() => connection.ready);
  // Answered pings leave it up.
  await connection.unary(unary('slow 300'));
  const hanging = connection.unary(unary('hang'));
  await eventually(() => server.seen.calls === 2);
  relay.freeze();
  await expect(hanging).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: connectionLost });
  await eventually(() => connection.ready);
  await connection.unary(unary('x'));
});

test('a stream that is cut ends well only if all of it had come', async () => {
  const server = await serve(undefined);
  const relay = await startRelay(server.port);
  ends.push(() => relay.close());
  const connection = open(relay.address);
  await eventually(() => connection.ready);
  const { produced } = server.seen;
  const begin = async (request: string): Promise<AsyncIterator<Uint8Array, undefined>> => {
    const stream = connection.serverStream({ ...unary(request), path: rawPath('down') });
    const iterator = stream.messages[Symbol.asyncIterator]();
    expect(await iterator.next()).toMatchObject({ done: false });
    return iterator;
  };
  // Less than the stream's window, and more.
  const whole = await begin('20 5000');
  await eventually(() => server.seen.produced === produced + 20);
  const cut = await begin('1000 5000');
  await connection.unary(unary('x'));
  relay.cut();
  await eventually(() => !connection.ready);
  const rest = async (iterator: AsyncIterator<Uint8Array, undefined>): Promise<number> => {
    let messages = 1;
    while ((await iterator.next()).done !== true) messages += 1;
    return messages;
  };
  expect(await rest(whole)).toBe(20);
  await expect(rest(cut)).rejects.toMatchObject({ reason: connectionLost });
});

test('a peer that says nothing is given up after the time to connect, and tried again', async () => {
  let dials = 0;
  const silent = createTcpServer((socket) => {
    dials += 1;
    socket.on('error', () => undefined);
    ends.push(() => socket.destroy());
  });
  ends.push(() => silent.close());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const connection = open(addressOf(silent), plaintext, { connectMs: 50 });
  await eventually(() => dials >= 3);
  expect(connection.ready).toBe(false);
  await expect(connection.unary(unary('x'))).rejects.toMatchObject({ reason: notSent });
});

test('calls in flight are lost where the instance ends the session with an error, unless it never saw them', async () => {
  const server = createServer();
  ends.push(() => server.close());
  let session: Http2Session | undefined;
  let streams = 0;
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    streams += 1;
    // The second of them is above the last that it says it has seen.
    if (streams === 2) (session = stream.session)?.goaway(2, 1);
  });
  server.on('session', (session) => ends.push(() => session.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connection = open(addressOf(server));
  await eventually(() => connection.ready);
  const first = connection.unary(unary('1'));
  await expect(connection.unary(unary('2'))).rejects.toMatchObject({ reason: notSent });
  session?.destroy();
  await expect(first).rejects.toMatchObject({ reason: connectionLost });
  await eventually(() => connection.ready);
});

test('an instance that finds the pings too many is pinged half as often', async () => {
  const server = createServer();
  ends.push(() => server.close());
  const waits: number[] = [];
  server.on('session', (session) => {
    const since = performance.now();
    session.once('ping', () => {
      waits.push(performance.now() - since);
      session.goaway(11);
    });
    ends.push(() => session.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open(addressOf(server), plaintext, { keepaliveMs: 40 });
  await eventually(() => waits.length >= 3);
  // Timers may fire a little early.
  expect(waits.slice(0, 3).map((ms, i) => ms >= 38 * 2 ** i)).toEqual([true, true, true]);
});

test('TLS checks the name and the authority of the upstream', async () => {
  const [authority, other] = [await createAuthority(), await createAuthority()];
  const own = await tlsIdentity(authority, 'raw');
  const elsewhere = await tlsIdentity(authority, 'raw', { hosts: ['elsewhere.test'] });
  const [right, wrongName] = [await serveTls(own), await serveTls(elsewhere)];
  const trusted: Http2Security = { kind: 'tls', ca: own.ca };
  const byAddress = open(right, trusted);
  const byName = open(right.replace('127.0.0.1', 'localhost'), trusted);
  const refused = [
    open(wrongName, trusted),
    open(right, { kind: 'tls', ca: Buffer.from(other.ca) }),
    open(right, { kind: 'tls' }),
    open(await serveTls(own, ['http/1.1']), trusted),
  ];
  await eventually(() => byAddress.ready && byName.ready);
  const { message } = await byName.unary(unary('hello'));
  expect(Buffer.from(message).toString()).toBe('hello');
  const outcomes = await Promise.allSettled(refused.map((each) => each.unary(unary('x'))));
  expect(outcomes).toMatchObject(refused.map(() => ({ reason: { reason: notSent } })));
  expect(refused.map(({ ready }) => ready)).toEqual(refused.map(() => false));
});

/** A server with server authentication alone; with other protocols than HTTP/2 it only shakes hands. */
async function serveTls(tls: TlsIdentity, protocols = ['h2']): Promise<string> {
  const { key, cert } = tls;
  if (protocols.includes('h2')) {
    const pair = [{ private_key: key, cert_chain: cert }];
    return (await serve(undefined, {}, 0, ServerCredentials.createSsl(null, pair))).address;
  }
  const server = createTlsServer({ key, cert, ALPNProtocols: protocols }, (socket) =>
    ends.push(() => socket.destroy()),
  );
  ends.push(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return addressOf(server);
}

function addressOf(server: { address(): unknown }): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
