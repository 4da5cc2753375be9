import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createAuthority, type Authority } from '../testing/certificates.ts';
import { collect } from '../testing/collect.ts';
import { eventually } from '../testing/eventually.ts';
import { rawPath, startRawServer, type RawServer } from '../testing/raw-server.ts';
import { startRelay } from '../testing/relay.ts';
import { tlsIdentity } from '../testing/tls.ts';
import type { TlsIdentity } from '../tls.ts';
import type { Attempt, Connect, Connection, StreamingAttempt } from './connection.ts';
import { http2Connect } from './http2-connection.ts';
import { connectionLost, notSent } from './retry.ts';

let authority: Authority;
let identity: TlsIdentity;
let tls: TlsIdentity;
let secure: RawServer;
let plain: RawServer;
const connections: Connection[] = [];

beforeAll(async () => {
  authority = await createAuthority();
  [identity, tls] = await Promise.all([tlsIdentity(authority, 'raw'), tlsIdentity(authority, 'edge')]);
  [secure, plain] = await Promise.all([startRawServer(identity), startRawServer(undefined)]);
});

afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
});

afterAll(() => {
  secure.kill();
  plain.kill();
});

/** What every connection must do. */
const kinds: [string, () => { connect: Connect; server: RawServer; secured: boolean }][] = [
  ['mutual TLS', () => ({ connect: http2Connect({ kind: 'mesh', tls }), server: secure, secured: true })],
  ['plaintext', () => ({ connect: http2Connect({ kind: 'plaintext' }), server: plain, secured: false })],
];

describe.each(kinds)('a connection over %s', (_, kind) => {
  test('answers with headers and trailers', async () => {
    const { connection, server } = await connected(kind);
    const metadata = ['x-sent', 'one', 'x-sent-bin', 'Bw==', 'x-sent-bin', '/wA='];
    const result = await connection.unary(unary('hello', { metadata, deadlineMs: Date.now() + 5_000 }));
    expect(Buffer.from(result.message).toString()).toBe('hello');
    expect(result.headers.get('x-header')).toEqual(['h']);
    expect(result.headers.get('x-bytes-bin')).toEqual([Buffer.from([0, 255]), Buffer.from([1])]);
    expect(result.trailers.get('x-trailer')).toEqual(['t']);
    expect(server.seen.metadata.get('x-sent')).toEqual(['one']);
    expect(server.seen.metadata.get('x-sent-bin')).toEqual([Buffer.from([7]), Buffer.from([255, 0])]);
    expect(Math.abs(server.seen.deadlineMs - Date.now() - 5_000)).toBeLessThan(500);
  });

  test('fails as the upstream says, with its reason, details and pushback', async () => {
    const { connection } = await connected(kind);
    await expect(connection.unary(unary('fail'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      reason: 'NO_BOOK',
      domain: 'library',
      message: 'kein Büch 100%',
      retryAfterMs: 7,
      details: [{ type: 'google.rpc.ErrorInfo' }, { type: 'test.Detail', value: Buffer.from([1, 2, 3]) }],
    });
    await expect(connection.unary({ ...unary('x'), path: '/test.Raw/none' })).rejects.toMatchObject({
      code: 'UNIMPLEMENTED',
    });
  });

  test('ends at the deadline and on cancellation, and the upstream hears of both', async () => {
    const { connection, server } = await connected(kind);
    const before = server.seen.cancelled;
    await expect(connection.unary(unary('hang', { deadlineMs: Date.now() + 50 }))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      reason: 'DEADLINE_EXCEEDED',
    });
    const cancel = new AbortController();
    const { calls } = server.seen;
    const hanging = connection.unary(unary('hang', { signals: [cancel.signal] }));
    await eventually(() => expect(server.seen.calls).toBe(calls + 1));
    cancel.abort();
    await expect(hanging).rejects.toMatchObject({ code: 'CANCELLED' });
    await eventually(() => expect(server.seen.cancelled).toBe(before + 2));
  });

  test('streams answers, and a slow reader holds back the sender', async () => {
    const { connection, server } = await connected(kind);
    const all = connection.serverStream(unary('300 1000', { method: 'down' }));
    expect((await all.headers).get('content-type')).toEqual(['application/grpc+proto']);
    const messages = await collect(all.messages);
    expect(messages.map((message) => [message.length, message[0]])).toEqual(
      Array.from({ length: 300 }, (_, i) => [1000, i % 256]),
    );
    await all.trailers;

    const before = server.seen.produced;
    const { messages: slow } = connection.serverStream(unary('1000000 10000', { method: 'down' }));
    let read = 0;
    for await (const message of slow) {
      expect(message.length).toBe(10_000);
      read += 1;
      if (read === 5) break;
    }
    // At most what the windows, both sides' buffers and the socket's hold: 10 GB are on offer.
    expect(server.seen.produced - before).toBeLessThan(2_000);
    await eventually(() => expect(server.seen.cancelled).toBeGreaterThan(0));
  });

  test('streams requests, and both ways in turn', async () => {
    const { connection } = await connected(kind);
    const up = connection.clientStream(
      streaming(
        'up',
        Array.from({ length: 100 }, () => Buffer.alloc(5_000)),
      ),
    );
    expect((await collect(up.messages)).map((message) => Buffer.from(message).toString())).toEqual(['100']);
    const none = connection.clientStream(streaming('up', []));
    expect((await collect(none.messages)).map(String)).toEqual(['0']);

    let answered = Promise.withResolvers<void>();
    async function* pings(): AsyncGenerator<Uint8Array, undefined> {
      for (let i = 0; i < 5; i += 1) {
        yield new Uint8Array([i]);
        await answered.promise;
        answered = Promise.withResolvers();
      }
    }
    const both = connection.clientStream({ ...streaming('both', []), requests: pings() });
    const pongs: unknown[] = [];
    for await (const [pong] of both.messages) {
      pongs.push(pong);
      answered.resolve();
    }
    expect(pongs).toEqual([0, 1, 2, 3, 4]);
  });

  test('requests are pulled as the upstream takes them, and what they throw cancels the call', async () => {
    const { connection, server } = await connected(kind);
    const before = server.seen.cancelled;
    let pulled = 0;
    async function* endless(): AsyncGenerator<Uint8Array, undefined> {
      for (;;) {
        pulled += 1;
        yield Buffer.alloc(100_000);
      }
    }
    // The other side sends each back, and nobody reads.
    const { messages, headers } = connection.clientStream({ ...streaming('both', []), requests: endless() });
    await headers;
    let last = -1;
    await eventually(() => {
      const same = pulled === last;
      last = pulled;
      expect(same).toBe(true);
    });
    expect(pulled).toBeLessThan(1_000);
    await messages[Symbol.asyncIterator]().return?.();

    // oxlint-disable-next-line require-yield
    async function* broken(): AsyncGenerator<Uint8Array, undefined> {
      throw new Error('cut');
    }
    const cut = connection.clientStream({ ...streaming('both', []), requests: broken() });
    await expect(collect(cut.messages)).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(cut.trailers).rejects.toMatchObject({ code: 'CANCELLED' });
    await eventually(() => expect(server.seen.cancelled).toBeGreaterThanOrEqual(before + 1));
  });

  test('refuses messages over 4 MiB in both directions', async () => {
    const { connection } = await connected(kind);
    const max = 4 * 1024 * 1024;
    expect((await connection.unary(unary(`big ${max}`))).message.length).toBe(max);
    const tooLong = { code: 'RESOURCE_EXHAUSTED' };
    await expect(connection.unary(unary(`big ${max + 1}`))).rejects.toMatchObject(tooLong);
    await expect(connection.unary({ ...unary(''), request: Buffer.alloc(max + 1) })).rejects.toMatchObject(
      tooLong,
    );
    const down = connection.serverStream(unary(`1 ${max + 1}`, { method: 'down' }));
    await expect(collect(down.messages)).rejects.toMatchObject(tooLong);
    const up = connection.clientStream(streaming('up', [Buffer.alloc(max + 1)]));
    await expect(collect(up.messages)).rejects.toMatchObject(tooLong);
    expect(Buffer.from((await connection.unary(unary('still here'))).message).toString()).toBe('still here');
  });

  test('comes back after its upstream was cut off', async () => {
    const { connect, server, secured } = kind();
    const relay = await startRelay(server.port);
    try {
      const seen: boolean[] = [];
      const connection = opened(connect, relay.address, secured ? 'raw' : undefined, () =>
        seen.push(connection.ready),
      );
      await eventually(() => expect(connection.ready).toBe(true));
      const { calls } = server.seen;
      const hanging = connection.unary(unary('hang'));
      const { messages } = connection.serverStream(unary('1000000 10000', { method: 'down' }));
      await eventually(() => expect(server.seen.calls).toBe(calls + 2));
      relay.cut();
      const lost = { code: 'UNAVAILABLE', reason: connectionLost };
      await expect(hanging).rejects.toMatchObject(lost);
      await expect(collect(messages)).rejects.toMatchObject(lost);
      await eventually(() => expect(connection.ready).toBe(false));
      await relay.restore();
      await eventually(() => expect(connection.ready).toBe(true));
      await connection.unary(unary('x'));
      expect(seen).toContain(false);
      expect(seen.at(-1)).toBe(true);
    } finally {
      relay.close();
    }
  });

  test('lets calls in flight finish when it is closed', async () => {
    const { connection } = await connected(kind);
    const slow = connection.unary(unary('slow 50'));
    connection.close();
    expect(connection.ready).toBe(false);
    await slow;
  });
});

describe.each(kinds.filter(([name]) => !name.includes('plaintext')))('a connection over %s', (_, kind) => {
  test('does not come up where another workload answers, or one of another mesh', async () => {
    const { connect } = kind();
    const stranger = await startRawServer(await tlsIdentity(await createAuthority(), 'raw'));
    const impostor = await startRawServer(await tlsIdentity(authority, 'impostor'));
    try {
      const wrong = [stranger, impostor].map(({ address }) =>
        opened(connect, address, 'raw', () => undefined),
      );
      const right = opened(connect, impostor.address, undefined, () => undefined);
      await eventually(() => expect(right.ready).toBe(true));
      expect(wrong.map(({ ready }) => ready)).toEqual([false, false]);
      const calls = wrong.map((each) => each.unary(unary('x', { deadlineMs: Date.now() + 200 })));
      const outcomes = await Promise.allSettled(calls);
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect([stranger.seen.calls, impostor.seen.calls]).toEqual([0, 0]);
    } finally {
      stranger.kill();
      impostor.kill();
    }
  });
});

test('a call over http2 to an instance that is away was not sent', async () => {
  const connection = opened(http2Connect({ kind: 'plaintext' }), '127.0.0.1:1', undefined, () => undefined);
  await expect(connection.unary(unary('x'))).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: notSent });
});

async function connected(kind: (typeof kinds)[number][1]) {
  const { connect, server, secured } = kind();
  const connection = opened(connect, server.address, secured ? 'raw' : undefined, () => undefined);
  await eventually(() => expect(connection.ready).toBe(true));
  return { connection, server };
}

function opened(
  connect: Connect,
  address: string,
  workload: string | undefined,
  onChange: () => void,
): Connection {
  const connection = connect(address, workload, onChange);
  connections.push(connection);
  return connection;
}

function unary(text: string, options: Partial<Attempt> & { method?: 'unary' | 'down' } = {}): Attempt {
  const { method = 'unary', ...rest } = options;
  return {
    path: rawPath(method),
    request: Buffer.from(text),
    metadata: [],
    deadlineMs: Infinity,
    signals: [],
    ...rest,
  };
}

function streaming(method: 'up' | 'both', requests: readonly Uint8Array[]): StreamingAttempt {
  async function* all(): AsyncGenerator<Uint8Array, undefined> {
    yield* requests;
  }
  const { request: _, ...rest } = unary('');
  return { ...rest, path: rawPath(method), requests: all() };
}
