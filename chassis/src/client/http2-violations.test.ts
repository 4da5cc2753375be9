import { afterEach, expect, test } from '@jest/globals';
import { frameTypes as types } from '../http2/frames.ts';
import { encodeHeaders } from '../http2/header-writer.ts';
import { collect } from '../testing/collect.ts';
import { eventually } from '../testing/eventually.ts';
import {
  answerHeaders,
  goodAnswer,
  grpcMessage,
  makeFrame,
  numbers,
  okTrailers,
  settingsOf,
  startFramePeer,
  type FramePeer,
} from '../testing/frame-peer.ts';
import type { Attempt, Connection } from './connection.ts';
import { http2Connect } from './http2-connection.ts';
import { connectionLost, notSent } from './retry.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).toReversed()) end();
});

const attempt = (): Attempt => ({
  path: '/test.Raw/unary',
  request: Buffer.from('x'),
  metadata: [],
  deadlineMs: Date.now() + 10_000,
  signals: [],
});

/** Plays `wrong` for the first request of the first connection, and answers every other one well. */
async function played(wrong: (id: number) => Buffer[]): Promise<{ peer: FramePeer; connection: Connection }> {
  let first = true;
  const peer = await startFramePeer(({ type, flag, id }, { socket }) => {
    if (type !== types.data || (flag & 1) === 0) return;
    socket.write(first ? Buffer.concat(wrong(id)) : goodAnswer(id));
    first = false;
  });
  ends.push(() => peer.close());
  const connection = http2Connect({ kind: 'plaintext' })(peer.address, undefined, () => undefined);
  ends.push(() => connection.close());
  await eventually(() => connection.ready);
  return { peer, connection };
}

const headers = (id: number, flag = 4, block = answerHeaders): Buffer =>
  makeFrame(types.headers, flag, id, block);
const data = (id: number, flag = 0, payload: Buffer = grpcMessage('ok')): Buffer =>
  makeFrame(types.data, flag, id, payload);
const trailers = (id: number, flag = 5): Buffer => headers(id, flag, okTrailers);
const settings = (...pairs: [number, number][]): Buffer =>
  makeFrame(types.settings, 0, 0, settingsOf(...pairs));
const update = (id: number, bytes: number): Buffer => makeFrame(types.windowUpdate, 0, id, numbers(bytes));
const raw = (type: number, id: number, bytes: number, flag = 0): Buffer =>
  makeFrame(type, flag, id, Buffer.alloc(bytes));
const status = (...pairs: string[]): Buffer => encodeHeaders([':status', ...pairs]);

/** RFC 9113, section 7. */
const [protocol, flowControl, frameSize, compression, calm] = [1, 3, 6, 9, 11];

test.each<[string, number, (id: number) => Buffer[]]>([
  ['DATA of the connection', protocol, () => [data(0)]],
  ['DATA of a stream that was never opened', protocol, () => [data(99)]],
  ['DATA of a stream of the server', protocol, () => [data(2)]],
  ['HEADERS of a stream that was never opened', protocol, () => [headers(99)]],
  ['RST_STREAM of a stream that was never opened', protocol, () => [raw(types.rstStream, 99, 4)]],
  ['WINDOW_UPDATE of a stream that was never opened', protocol, () => [update(99, 1)]],
  ['padding longer than DATA', protocol, (id) => [headers(id), data(id, 8, Buffer.from([3, 0, 0]))]],
  ['padding longer than HEADERS', protocol, (id) => [headers(id, 12, Buffer.from([1]))]],
  ['HEADERS without its priority', frameSize, (id) => [headers(id, 0x24, Buffer.alloc(4))]],
  ['a header block that is interrupted', protocol, (id) => [headers(id, 0), raw(types.ping, 0, 8)]],
  ['a header block that goes on elsewhere', protocol, (id) => [headers(id, 0), raw(9, id + 2, 1, 4)]],
  ['CONTINUATION of nothing', protocol, (id) => [raw(types.continuation, id, 1, 4)]],
  [
    'empty CONTINUATION for ever',
    calm,
    (id) => [headers(id, 0), ...Array.from({ length: 99 }, () => raw(9, id, 0))],
  ],
  [
    'a header block of 80 kB',
    calm,
    (id) => [headers(id, 0), ...Array.from({ length: 5 }, () => raw(9, id, 16_384))],
  ],
  ['an entry of a table that there is not', compression, (id) => [headers(id, 4, Buffer.from([0xbe]))]],
  ['a table that was not allowed', compression, (id) => [headers(id, 4, Buffer.from([0x3f, 0xe1, 0x1f]))]],
  ['a block that is cut', compression, (id) => [headers(id, 4, answerHeaders.subarray(0, 9))]],
  ['RST_STREAM of 3 bytes', frameSize, (id) => [raw(types.rstStream, id, 3)]],
  ['SETTINGS of a stream', protocol, (id) => [raw(types.settings, id, 0)]],
  ['SETTINGS of 5 bytes', frameSize, () => [raw(types.settings, 0, 5)]],
  ['an acknowledgement of settings with some', frameSize, () => [raw(types.settings, 0, 6, 1)]],
  ['ENABLE_PUSH', protocol, () => [settings([2, 1])]],
  ['an initial window over 2^31 - 1', flowControl, () => [settings([4, 2 ** 31])]],
  ['frames of less than 16 KiB', protocol, () => [settings([5, 16_383])]],
  ['frames of 16 MiB', protocol, () => [settings([5, 2 ** 24])]],
  ['PUSH_PROMISE', protocol, (id) => [raw(types.pushPromise, id, 8, 4)]],
  ['PING of a stream', protocol, (id) => [raw(types.ping, id, 8)]],
  ['PING of 7 bytes', frameSize, () => [raw(types.ping, 0, 7)]],
  ['GOAWAY of a stream', protocol, (id) => [raw(types.goaway, id, 8)]],
  ['GOAWAY of 7 bytes', frameSize, () => [raw(types.goaway, 0, 7)]],
  ['WINDOW_UPDATE of 5 bytes', frameSize, () => [raw(types.windowUpdate, 0, 5)]],
  ['a window that grows by nothing', protocol, () => [update(0, 0)]],
  ['a window over 2^31 - 1', flowControl, () => [update(0, 2 ** 31 - 1)]],
  [
    'settings that make a stream’s window too large',
    flowControl,
    (id) => [update(id, 2 ** 31 - 1 - 65_535), settings([4, 65_600])],
  ],
  ['a frame of 16 385 bytes', frameSize, (id) => [headers(id), raw(types.data, id, 16_385)]],
])('%s ends the connection with error %i, and another takes its place', async (_, code, wrong) => {
  const { peer, connection } = await played(wrong);
  const failed = connection.unary(attempt());
  await expect(failed).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    reason: connectionLost,
    cause: { name: 'ConnectionFault', code },
  });
  expect(connection.ready).toBe(false);
  await eventually(() => peer.connections[0]?.frames.some(({ type }) => type === types.goaway));
  const goaway = peer.connections[0]?.frames.find(({ type }) => type === types.goaway);
  expect(goaway?.payload).toEqual(numbers(0, code));
  await eventually(() => connection.ready);
  expect(Buffer.from((await connection.unary(attempt())).message).toString()).toBe('ok');
});

test.each<[string, number, (id: number) => Buffer[]]>([
  ['DATA before headers', protocol, (id) => [data(id)]],
  ['DATA after 100 alone', protocol, (id) => [headers(id, 4, status('100')), data(id)]],
  ['1xx that is the end', protocol, (id) => [headers(id, 5, status('103'))]],
  ['101', protocol, (id) => [headers(id, 4, status('101'))]],
  ['no status', protocol, (id) => [headers(id, 4, okTrailers)]],
  ['a status that is none', protocol, (id) => [headers(id, 4, status('abc'))]],
  ['a pseudo header of requests', protocol, (id) => [headers(id, 4, status('200', ':path', '/'))]],
  ['a line break in a value', protocol, (id) => [headers(id, 4, status('200', 'x', 'a\r\nb: c'))]],
  ['a name in capitals', protocol, (id) => [headers(id, 4, status('200', 'X-A', 'b'))]],
  ['a header of connections', protocol, (id) => [headers(id, 4, status('200', 'connection', 'close'))]],
  ['headers that stand for 100 kB', protocol, (id) => [headers(id, 4, Buffer.alloc(2_000, 0x90))]],
  ['trailers that are not the end', protocol, (id) => [headers(id), data(id), trailers(id, 4)]],
  ['trailers with a status', protocol, (id) => [headers(id), headers(id, 5)]],
  ['a stream’s window that grows by nothing', protocol, (id) => [update(id, 0)]],
  ['a stream’s window over 2^31 - 1', flowControl, (id) => [update(id, 2 ** 31 - 1)]],
])('%s resets the stream with error %i, and the connection goes on', async (_, code, wrong) => {
  const { peer, connection } = await played(wrong);
  await expect(connection.unary(attempt())).rejects.toMatchObject({
    code: 'INTERNAL',
    reason: 'MALFORMED_ANSWER',
    message: expect.stringContaining('breaks HTTP/2'),
    cause: { name: 'StreamFault', code },
  });
  await connection.unary(attempt());
  const resets = peer.connections[0]?.frames.filter(({ type }) => type === types.rstStream);
  expect(resets).toMatchObject([{ id: 1, payload: numbers(code) }]);
  expect(peer.connections).toHaveLength(1);
});

test('more than a stream’s window holds resets it; an answer before the end of the request is a good one', async () => {
  const much = Array.from({ length: 9 }, () => Buffer.alloc(16_384));
  const begun = await played((id) => [headers(id), ...much.map((each) => data(id, 0, each))]);
  // Nobody reads, so nothing is given back.
  const { trailers: unread } = begun.connection.serverStream(attempt());
  await expect(unread).rejects.toMatchObject({ cause: { name: 'StreamFault', code: flowControl } });
  expect(begun.connection.ready).toBe(true);

  // The request is still open, so the stream is.
  const { request: _, ...rest } = attempt();
  const peer = await startFramePeer(({ type, id }, { socket }) => {
    if (type === types.headers) socket.write(Buffer.concat([headers(id), trailers(id), data(id)]));
  });
  ends.push(() => peer.close());
  const connection = http2Connect({ kind: 'plaintext' })(peer.address, undefined, () => undefined);
  ends.push(() => connection.close());
  await eventually(() => connection.ready);
  const open = connection.clientStream({ ...rest, requests: { next: () => new Promise(() => undefined) } });
  expect(await collect(open.messages)).toEqual([]);
  // An answer before the end of the request is no failure, and what is left of the request is not sent.
  await eventually(() => peer.connections[0]?.frames.some(({ type }) => type === types.rstStream));
  expect(peer.connections[0]?.frames.find(({ type }) => type === types.rstStream)?.payload).toEqual(
    numbers(0),
  );
  expect(connection.ready).toBe(true);
});

test.each<[string, (id: number) => Buffer[]]>([
  ['nothing beside', (id) => [goodAnswer(id)]],
  [
    'padding and priority',
    (id) => [
      headers(id, 0x2c, Buffer.concat([Buffer.from([2]), Buffer.alloc(5), answerHeaders, Buffer.alloc(2)])),
      data(id, 8, Buffer.concat([Buffer.from([3]), grpcMessage('ok'), Buffer.alloc(3)])),
      trailers(id),
    ],
  ],
  [
    '100 and 103 before',
    (id) => [headers(id, 4, status('100')), headers(id, 4, status('103')), goodAnswer(id)],
  ],
  ['frames of types that nobody knows', (id) => [raw(0xbe, 0, 40), raw(0xbf, id, 9, 255), goodAnswer(id)]],
  ['PRIORITY', (id) => [raw(types.priority, id, 5), goodAnswer(id)]],
  [
    'a header block in three frames',
    (id) => [
      headers(id, 0, answerHeaders.subarray(0, 3)),
      makeFrame(types.continuation, 0, id, answerHeaders.subarray(3, 3)),
      makeFrame(types.continuation, 4, id, answerHeaders.subarray(3)),
      data(id),
      trailers(id),
    ],
  ],
  [
    'empty DATA',
    (id) => [
      headers(id),
      data(id, 0, Buffer.alloc(0)),
      data(id),
      data(id, 8, Buffer.from([0])),
      trailers(id),
    ],
  ],
  [
    'settings and pings',
    (id) => [settings([1, 0], [3, 100], [0xff, 7]), raw(types.ping, 0, 8), goodAnswer(id)],
  ],
  ['RST_STREAM after the end', (id) => [goodAnswer(id), raw(types.rstStream, id, 4)]],
  ['frames after the end', (id) => [goodAnswer(id), data(id), headers(id), update(id, 1)]],
  ['a pong that nobody asked for', (id) => [raw(types.ping, 0, 8, 1), goodAnswer(id)]],
  [
    'GOAWAY twice',
    (id) => [
      makeFrame(types.goaway, 0, 0, numbers(2 ** 31 - 1, 0)),
      makeFrame(types.goaway, 0, 0, numbers(id, 0)),
      goodAnswer(id),
    ],
  ],
])('an answer with %s is a good one', async (_, right) => {
  const { connection } = await played(right);
  expect(Buffer.from((await connection.unary(attempt())).message).toString()).toBe('ok');
});

test('a peer that breaks the protocol and reads nothing more is left at once', async () => {
  const { peer, connection } = await played((id) => [goodAnswer(id)]);
  const [first] = peer.connections;
  // Calls in flight with more than the sockets between hold.
  const long = { ...attempt(), request: Buffer.alloc(4_000_000) };
  first?.socket.write(Buffer.concat([update(0, 2 ** 30), settings([4, 2 ** 30])]));
  await eventually(
    () => first?.frames.filter(({ type, flag }) => type === types.settings && flag === 1).length === 2,
  );
  first?.socket.pause();
  const stuck = Array.from({ length: 10 }, () => connection.unary(long));
  first?.socket.write(data(2));
  expect(await Promise.allSettled(stuck)).toMatchObject(
    stuck.map(() => ({ reason: { reason: connectionLost } })),
  );
  await eventually(() => connection.ready);
  expect((await connection.unary(attempt())).message).toHaveLength(2);
});

test('a peer that asks for ever and reads nothing is left', async () => {
  const { peer, connection } = await played(() => []);
  const hanging = connection.unary(attempt());
  const [first] = peer.connections;
  await eventually(() => first?.frames.some(({ type }) => type === types.data));
  first?.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 4_000 }, () => raw(types.ping, 0, 8)));
  const flood = (): void => {
    if (first?.socket.destroyed === false) first.socket.write(pings, flood);
  };
  flood();
  await expect(hanging).rejects.toMatchObject({
    reason: connectionLost,
    cause: { message: 'the peer does not read' },
  });
});

test('a stream that was refused after it was answered is not said to be unsent', async () => {
  const refused = await played((id) => [headers(id), makeFrame(types.rstStream, 0, id, numbers(7))]);
  await expect(refused.connection.unary(attempt())).rejects.toMatchObject({ reason: connectionLost });
  const gone = await played((id) => [headers(id), makeFrame(types.goaway, 0, 0, numbers(0, 0))]);
  await expect(gone.connection.unary(attempt())).rejects.toMatchObject({ reason: connectionLost });
  const unseen = await played(() => [makeFrame(types.goaway, 0, 0, numbers(0, 0))]);
  await expect(unseen.connection.unary(attempt())).rejects.toMatchObject({ reason: notSent });
});

test('a connection that is cut tells how', async () => {
  const { peer, connection } = await played(() => []);
  const sent = connection.unary(attempt());
  sent.catch(() => undefined);
  await eventually(() => peer.connections[0]?.frames.some(({ type }) => type === types.data));
  peer.connections[0]?.socket.resetAndDestroy();
  await expect(sent).rejects.toMatchObject({ reason: connectionLost, cause: { code: 'ECONNRESET' } });
});

test('the first frame of a server is its SETTINGS', async () => {
  for (const first of [
    raw(types.ping, 0, 8),
    raw(types.settings, 0, 0, 1),
    Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
  ]) {
    const peer = await startFramePeer(() => undefined, first);
    ends.push(() => peer.close());
    const connection = http2Connect({ kind: 'plaintext' })(peer.address, undefined, () => undefined);
    ends.push(() => connection.close());
    await eventually(() => peer.connections.length === 2);
    await expect(connection.unary(attempt())).rejects.toMatchObject({
      reason: notSent,
      cause: { name: 'ConnectionFault' },
    });
  }
});

test('a call that is cancelled before it begins is not sent', async () => {
  const { peer, connection } = await played((id) => [goodAnswer(id)]);
  const signals = [AbortSignal.abort()];
  await expect(connection.unary({ ...attempt(), signals })).rejects.toMatchObject({ code: 'CANCELLED' });
  await connection.unary(attempt());
  expect(peer.connections[0]?.frames.filter(({ type }) => type === types.headers)).toHaveLength(1);
});

test('headers that no metadata may hold are left out', async () => {
  const { connection } = await played((id) => [
    headers(
      id,
      4,
      status('200', 'content-type', 'application/grpc', 'x-utf8', 'K\xc3\xa4se', 'x!', '1', 'x-a', 'b'),
    ),
    data(id),
    trailers(id),
  ]);
  const { headers: metadata } = await connection.unary(attempt());
  expect(metadata.getMap()).toEqual({ 'content-type': 'application/grpc', 'x-a': 'b' });
});
