import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '@weft/chassis/testing/eventually';
import { raw, send } from './testing/http.ts';
import { startEdge, type EdgeProcess } from './testing/fuzz/start-edge.ts';
import { testContract } from './testing/schema.ts';

// Against an edge in a process of its own, whose memory is its own.
const mebibyte = 1024 * 1024;
let edge: EdgeProcess;
beforeAll(async () => {
  edge = await startEdge(testContract().bytes, { slowClientMs: 500, headersMs: 1_000, requestMs: 1_500 });
});
afterAll(() => edge.stop());

const head = (...lines: string[]): string =>
  `${['POST /v1/echo HTTP/1.1', 'host: x', ...lines].join('\r\n')}\r\n\r\n`;
const smuggled = 'GET /v1/books/smuggled HTTP/1.1\r\nhost: x\r\n\r\n';
const chunks = '0\r\n\r\n';

/** RFC 9112, 6.3 and 11.2: where two readers could see different ends of a message, there is none. */
test.each([
  ['a length and chunks', head('content-length: 5', 'transfer-encoding: chunked') + chunks],
  ['two lengths', head('content-length: 0', 'content-length: 44')],
  ['a list of lengths', head('content-length: 0, 44')],
  ['a length with a sign', head('content-length: +0')],
  ['a length that is no number', head('content-length: 0x0')],
  ['a space before the colon', head('content-length : 0')],
  ['a space before the colon of chunks', head('transfer-encoding : chunked') + chunks],
  ['a coding that is not known', head('transfer-encoding: xchunked') + chunks],
  ['chunks that are not the last coding', head('transfer-encoding: chunked, identity') + chunks],
  ['two codings in two headers', head('transfer-encoding: identity', 'transfer-encoding: chunked') + chunks],
  ['a coding before the chunks', head('transfer-encoding: gzip, chunked') + chunks],
  ['a folded header', head('x-a: 1', ' transfer-encoding: chunked')],
  ['a line that ends in a line feed alone', 'POST /v1/echo HTTP/1.1\r\nhost: x\nx-a: 1\r\n\r\n'],
  ['a carriage return alone', head('x-a: 1\rcontent-length: 44')],
  ['a NUL in a header', head('x-a: 1\0')],
  ['a chunk whose size does not fit', `${head('transfer-encoding: chunked')}fffffffffffffffff\r\n`],
  ['a chunk with a negative size', `${head('transfer-encoding: chunked')}-1\r\n`],
  ['a chunk that is longer than it says', `${head('transfer-encoding: chunked')}1\r\n{}${chunks}`],
  ['a name with a space', head('x a: 1')],
  ['no name', head(': 1')],
  ['two hosts', head('host: y')],
  ['a version that there is not', 'GET / HTTP/1.9\r\nhost: x\r\n\r\n'],
  ['a target with a space', 'GET /v1/books/1 2 HTTP/1.1\r\nhost: x\r\n\r\n'],
])('%s is refused, and nothing behind it is read', async (_, bytes) => {
  const answers = (await raw(edge.port, bytes + smuggled)).match(/HTTP\/1\.1 \d{3}/g);
  expect(answers).toEqual(['HTTP/1.1 400']);
});

test.each([
  ['thousands of small headers', head(...Array.from({ length: 3_000 }, (_, i) => `a${i}:`)), 431],
  ['one large header', head(`x-a: ${'a'.repeat(9_000)}`), 431],
  ['a tunnel', 'CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n', 405],
  ['an expectation', head('expect: something', 'connection: close'), 417],
  ['TRACE', 'TRACE /v1/books/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 405],
  ['a method that node:http does not know', 'BREW /v1/books/1 HTTP/1.1\r\nhost: x\r\n\r\n', 400],
  ['a version that is spoken in another way', 'GET / HTTP/2.0\r\nhost: x\r\nconnection: close\r\n\r\n', 400],
  ['a path without a slash', 'GET v1/books/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 400],
])('%s is refused by name', async (_, bytes, status) => {
  expect((await raw(edge.port, bytes)).slice(9, 12)).toBe(String(status));
});

/** Sends a byte again and again; answers what came back once the edge has closed the connection. */
async function drip(start: string): Promise<{ readonly answer: string; readonly afterMs: number }> {
  const startedAt = Date.now();
  const socket = connect(edge.port, '127.0.0.1', () => socket.write(start));
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1'))).on('error', () => undefined);
  const timer = setInterval(() => socket.write('a'), 50);
  await once(socket, 'close');
  clearInterval(timer);
  return { answer, afterMs: Date.now() - startedAt };
}

test('headers and bodies that come byte by byte end with their time, not with their last byte', async () => {
  const start = 'POST /v1/echo HTTP/1.1\r\nhost: x\r\n';
  const [headers, body] = await Promise.all([
    drip(`${start}x-a: `),
    drip(`${start}content-type: application/json\r\ncontent-length: 9999\r\n\r\n`),
  ]);
  for (const { answer, afterMs } of [headers, body]) {
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(afterMs).toBeLessThan(8_000);
  }
});

/** A connection that is never read from. */
function unread(): Socket {
  const socket = connect(edge.port, '127.0.0.1');
  return socket.pause().on('error', () => undefined);
}

test('a flood of requests whose answers are not read is held back, and cut: memory stays flat', async () => {
  const before = await edge.held();
  const socket = unread();
  const some = Buffer.from('GET /v1/books/1 HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(5_000));
  let cut = false;
  socket.once('close', () => {
    cut = true;
  });
  // Far more than the buffers of both sides hold: 100 MB of requests.
  for (let sent = 0; sent < 500 && !cut; sent += 1)
    // A reset is how it is cut.
    if (!socket.write(some)) await once(socket, 'drain').catch(() => once(socket, 'close'));
  await eventually(() => cut);
  const after = await edge.held();
  expect(after.heapBytes - before.heapBytes).toBeLessThan(8 * mebibyte);
  expect(after.residentBytes).toBeLessThan(400 * mebibyte);
  expect((await send(`http://127.0.0.1:${edge.port}`, 'GET', '/v1/books/1')).status).toBeLessThan(500);
});

test('connections that send nothing, or half of a preface, are closed', async () => {
  const before = await edge.held();
  const sockets = Array.from({ length: 200 }, (_, i) => {
    const socket = connect(edge.port, '127.0.0.1');
    if (i % 2 === 0) socket.write('PRI * HTTP');
    return socket.resume().on('error', () => undefined);
  });
  await Promise.all(sockets.map((socket) => once(socket, 'close')));
  expect((await edge.held()).resources).toBeLessThanOrEqual(before.resources);
});
