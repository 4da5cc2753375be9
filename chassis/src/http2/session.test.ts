import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import {
  answerHeaders,
  goodAnswer,
  grpcMessage,
  makeFrame,
  numbers,
  okTrailers,
  settingsOf,
} from '../testing/frame-peer.ts';
import { frameHeadBytes, frameTypes as types } from './frames.ts';
import { encodeHeaders } from './header-writer.ts';
import { ClientSession } from './session.ts';
import type { ClientStream, StreamListener } from './stream.ts';

/** The session's side of a connection, whose other side is the test. */
class PlayedSocket extends Duplex {
  written: Buffer[] = [];
  /** Set: what is written waits, until it is called. */
  hold: (() => void) | undefined;
  setNoDelay(): void {}
  destroySoon(): void {
    this.destroy();
  }
  override _read(): void {}
  override _write(chunk: Buffer, _: unknown, done: () => void): void {
    this.written.push(chunk);
    if (this.hold === undefined) done();
    else this.hold = done;
  }
  /** DATA frames that were written since it was last asked: of which stream, and how long. */
  dataFrames(): [id: number, bytes: number][] {
    const found: [number, number][] = [];
    const bytes = Buffer.concat(this.written.splice(0));
    let at = bytes.subarray(0, 3).toString() === 'PRI' ? 24 : 0;
    while (at < bytes.length) {
      const length = bytes.readUIntBE(at, 3);
      if (at + frameHeadBytes + length > bytes.length) {
        this.written.push(bytes.subarray(at));
        break;
      }
      if (bytes[at + 3] === types.data) found.push([bytes.readUInt32BE(at + 5), length]);
      at += frameHeadBytes + length;
    }
    return found;
  }
}

const head = { block: encodeHeaders([':method', 'POST']), pairs: ['x', 'y'] };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const settings = (...pairs: [number, number][]): Buffer =>
  makeFrame(types.settings, 0, 0, settingsOf(...pairs));
const update = (id: number, bytes: number): Buffer => makeFrame(types.windowUpdate, 0, id, numbers(bytes));

interface Played {
  readonly socket: PlayedSocket;
  readonly session: ClientSession;
  readonly closed: (Error | undefined)[];
  readonly receive: (...chunks: Buffer[]) => void;
}

function played(): Played {
  const socket = new PlayedSocket({ highWaterMark: 64 * 1024 });
  const closed: (Error | undefined)[] = [];
  const session = new ClientSession(
    socket as unknown as Socket,
    { streamWindowBytes: 131_072, sessionWindowBytes: 1 << 20 },
    { onSettings: () => undefined, onGoaway: () => undefined, onClose: (cause) => closed.push(cause) },
  );
  session.start();
  return { socket, session, closed, receive: (...chunks) => void socket.emit('data', Buffer.concat(chunks)) };
}

type Seen = { listener: StreamListener; closed: (number | undefined)[]; drains: number; bytes: number };

function listening(onData: () => void = () => undefined): Seen {
  const seen: Seen = {
    closed: [],
    drains: 0,
    bytes: 0,
    listener: {
      onHeaders: () => undefined,
      onData: (bytes) => {
        seen.bytes += bytes.length;
        onData();
      },
      onEnd: () => undefined,
      onDrain: () => void (seen.drains += 1),
      onClosed: (code) => seen.closed.push(code),
    },
  };
  return seen;
}

test.each([1, 7, 16_384, 65_535, 2 ** 31 - 1])('a body goes out within windows of %i', async (window) => {
  const { socket, session, receive } = played();
  receive(settings([4, window]));
  await turn();
  socket.dataFrames();
  const total = window < 10 ? 40 * window : 200_000;
  const stream = session.request(head, Buffer.alloc(total), true, listening().listener);
  await turn();
  let sent = 0;
  let credit = Math.min(window, 65_535);
  for (let round = 0; sent < total; round += 1) {
    expect(round).toBeLessThan(100_000);
    for (const [, bytes] of socket.dataFrames()) {
      expect(bytes).toBeLessThanOrEqual(16_384);
      sent += bytes;
      credit -= bytes;
    }
    expect(credit).toBeGreaterThanOrEqual(0);
    const more = Math.max(1, Math.min(window, 65_535) - credit);
    if (sent < total) receive(update(stream.id, Math.min(more, 5_000)), update(0, Math.min(more, 5_000)));
    credit += Math.min(more, 5_000);
    await turn();
  }
  expect(sent).toBe(total);
  expect(stream.localEnded).toBe(true);
});

test('a window of 0 stops streams that are open, also below zero, and an update opens it again', async () => {
  const { socket, session, receive } = played();
  receive(settings([4, 100]));
  const { listener } = listening();
  const stream = session.request(head, Buffer.alloc(80), false, listener);
  await turn();
  expect(socket.dataFrames()).toEqual([[1, 80]]);
  receive(settings([4, 0]));
  expect(stream.write(Buffer.alloc(50), false)).toBe(false);
  await turn();
  expect(socket.dataFrames()).toEqual([]);
  // It stands at -80.
  receive(update(1, 80));
  await turn();
  expect(socket.dataFrames()).toEqual([]);
  receive(update(1, 1));
  await turn();
  expect(socket.dataFrames()).toEqual([[1, 1]]);
  receive(settings([4, 10]), settings([4, 20]));
  await turn();
  expect(socket.dataFrames()).toEqual([[1, 20]]);
  receive(settings([4, 1_000]));
  await turn();
  expect(socket.dataFrames()).toEqual([[1, 29]]);
});

test('an end needs no window, and comes after what waits', async () => {
  const { socket, session, receive } = played();
  receive(settings([4, 0]));
  const empty = session.request(head, Buffer.alloc(0), false, listening().listener);
  const full = session.request(head, Buffer.alloc(9), false, listening().listener);
  empty.write(Buffer.alloc(0), true);
  full.write(Buffer.alloc(0), true);
  await turn();
  expect(socket.dataFrames()).toEqual([[1, 0]]);
  receive(update(3, 9));
  await turn();
  expect(socket.dataFrames()).toEqual([[3, 9]]);
  expect(full.localEnded).toBe(true);
});

test('uploads take turns, a frame each, and hold no more than a little of what a slow socket takes', async () => {
  const { socket, session, receive } = played();
  receive(settings([4, 2 ** 31 - 1]), update(0, 2 ** 30));
  await turn();
  socket.dataFrames();
  socket.hold = () => undefined;
  const uploads = [1, 2, 3].map(() => {
    const seen = listening();
    return { seen, stream: session.request(head, Buffer.alloc(4_000_000), false, seen.listener) };
  });
  await turn();
  expect(socket.writableLength).toBeLessThan(256 * 1024);
  const small = session.request(head, Buffer.alloc(10), true, listening().listener);
  expect(small.localEnded).toBe(true);
  const order: number[] = [];
  for (let rounds = 0; uploads.some(({ stream }) => stream.outbox.length > 0); rounds += 1) {
    expect(rounds).toBeLessThan(10_000);
    socket.hold();
    await turn();
    for (const [id] of socket.dataFrames()) order.push(id);
  }
  // The first had begun before there were others.
  const later = order.filter((id) => id !== small.id).slice(8, 17);
  expect(later).toEqual([1, 3, 5, 1, 3, 5, 1, 3, 5]);
  expect(uploads.map(({ seen }) => seen.drains)).toEqual([1, 1, 1]);
});

test('padding is given back, and what a stream has consumed in large pieces', async () => {
  const { socket, session, receive } = played();
  receive(settings());
  const seen = listening();
  const stream = session.request(head, Buffer.alloc(1), true, seen.listener);
  receive(makeFrame(types.headers, 4, 1, answerHeaders));
  const padded = makeFrame(types.data, 8, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(256)]));
  for (let i = 0; i < 10_000; i += 1) receive(padded, makeFrame(types.data, 0, 1, Buffer.alloc(0)));
  expect(seen.bytes).toBe(10_000);
  expect(stream.closed).toBe(false);
  expect(stream.receiveWindow).toBeGreaterThan(0);
  await turn();
  const updates = Buffer.concat(socket.written).toString('latin1').split('\0\0\x04\x08\0').length - 1;
  expect(updates).toBeLessThan(60);
});

test('a listener that throws loses its stream and no other', async () => {
  const { session, closed, receive } = played();
  receive(settings());
  const bad = listening(() => {
    throw new Error('a fault of ours');
  });
  const good = listening();
  session.request(head, Buffer.alloc(1), true, bad.listener);
  session.request(head, Buffer.alloc(1), true, good.listener);
  receive(goodAnswer(1), goodAnswer(3));
  expect([bad.closed, good.closed]).toEqual([[2], [0]]);
  expect(closed).toEqual([]);
  expect(session.over).toBe(false);
});

test('a stream that had not been written when the connection went is said to be unsent', async () => {
  const { socket, session, receive } = played();
  receive(settings());
  const [sent, unsent] = [listening(), listening()];
  session.request(head, Buffer.alloc(1), true, sent.listener);
  await turn();
  session.request(head, Buffer.alloc(1), true, unsent.listener);
  socket.destroy();
  await turn();
  expect([sent.closed, unsent.closed]).toEqual([[undefined], [7]]);
});

test('a session that is cut, closed or used within what it tells ends once', async () => {
  for (const act of ['destroy', 'close', 'reset', 'request'] as const) {
    const { socket, session, closed, receive } = played();
    receive(settings());
    const streams: ClientStream[] = [];
    const inner = listening();
    const outer = listening(() => {
      if (act === 'destroy') session.destroy();
      else if (act === 'close') session.close();
      else if (act === 'reset') for (const stream of streams) stream.reset();
      else session.request(head, Buffer.alloc(1), true, inner.listener);
    });
    for (let i = 0; i < 3; i += 1) streams.push(session.request(head, Buffer.alloc(1), true, outer.listener));
    receive(goodAnswer(1), goodAnswer(3), goodAnswer(5));
    socket.destroy();
    await turn();
    expect(outer.closed).toHaveLength(3);
    expect(closed).toHaveLength(1);
  }
});

test('nothing is written after the end', async () => {
  const { socket, session, receive } = played();
  receive(settings());
  session.close();
  receive(makeFrame(types.ping, 0, 0, Buffer.alloc(8)), settings());
  session.ping(() => undefined);
  const before = socket.written.length;
  await turn();
  expect(socket.written).toHaveLength(before);
});

/** A small generator of numbers, so that a run that fails can be repeated (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const fodder = [
  settings(),
  settings([1, 0], [3, 10], [4, 1_000]),
  makeFrame(types.settings, 1, 0),
  makeFrame(types.headers, 4, 1, answerHeaders),
  makeFrame(types.headers, 4, 3, answerHeaders),
  makeFrame(types.headers, 0x2c, 5, Buffer.concat([Buffer.alloc(6), answerHeaders])),
  makeFrame(types.headers, 0, 5, answerHeaders),
  makeFrame(types.continuation, 4, 5, Buffer.alloc(0)),
  makeFrame(types.data, 0, 1, grpcMessage('message')),
  makeFrame(types.data, 8, 3, Buffer.concat([Buffer.from([2]), grpcMessage('padded'), Buffer.alloc(2)])),
  makeFrame(types.data, 1, 3, Buffer.alloc(0)),
  makeFrame(types.headers, 5, 1, okTrailers),
  makeFrame(types.headers, 5, 3, okTrailers),
  makeFrame(types.ping, 0, 0, Buffer.alloc(8)),
  update(0, 1_000),
  update(1, 5),
  update(5, 70_000),
  makeFrame(types.rstStream, 0, 3, numbers(8)),
  makeFrame(types.goaway, 0, 0, numbers(3, 0)),
  makeFrame(types.priority, 0, 3, Buffer.alloc(5)),
  makeFrame(0xfe, 0, 0, Buffer.alloc(3)),
];

test('whatever comes, the session goes on or ends, and each stream ends once', async () => {
  const ends = { over: 0, on: 0 };
  const bodies = [100, 70_000, 0].map((bytes) => Buffer.alloc(bytes));
  const wrong: number[] = [];
  for (let seed = 1; seed <= 20_000; seed += 1) {
    const next = random(seed);
    const { socket, session, closed, receive } = played();
    const streams = bodies.map((body, i) => {
      const seen = listening(() => stream.consume(next(20)));
      const stream = session.request(head, body, i === 0, seen.listener);
      return { seen, stream };
    });
    const frames = [fodder[0] ?? Buffer.alloc(0)];
    for (let i = next(12); i >= 0; i -= 1) frames.push(fodder[next(fodder.length)] ?? Buffer.alloc(0));
    const bytes = Buffer.concat(frames);
    for (let i = next(4); i > 0; i -= 1) bytes[next(bytes.length)] = next(256);
    for (let at = 0; at < bytes.length;) {
      const to = at + 1 + next(next(4) === 0 ? 4 : 200);
      receive(bytes.subarray(at, to));
      at = to;
    }
    if (next(8) === 0) streams[next(3)]?.stream.reset();
    ends[session.over ? 'over' : 'on'] += 1;
    socket.destroy();
    // Closing is told in a later turn.
    socket.once('close', () => {
      const told = streams.map(({ seen }) => seen.closed.length);
      if (told.some((times) => times !== 1) || closed.length !== 1) wrong.push(seed);
    });
    if (seed % 100 === 0) await turn();
  }
  await turn();
  expect(wrong).toEqual([]);
  // Both happen often.
  expect(Math.min(ends.over, ends.on)).toBeGreaterThan(2_000);
});
