import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '@weft/chassis/testing/eventually';
import { send } from './testing/http.ts';
import { limits, quiet, startLibrary, type Library } from './testing/library.ts';

const half = 500;
const path = `/v1/books:watch?count=1&failCode=${quiet}`;
const headers = { accept: 'application/x-ndjson' };
let library: Library;
let session: ClientHttp2Session;
beforeAll(async () => {
  library = await startLibrary({ limits: { ...limits, connections: 2_000, concurrentRequests: 2_000 } });
  session = connect(library.url);
});
afterAll(async () => {
  session.destroy();
  await library.stop();
});

/** A stream on a connection of its own; resolves with its first message. */
async function overHttp1(): Promise<{ readonly first: string; end(): void }> {
  const sent = request({ port: library.port, host: '127.0.0.1', path, headers, agent: false }).end();
  sent.on('error', () => undefined);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const [first] = (await once(answer, 'data')) as [Buffer];
  answer.on('error', () => undefined);
  return { first: first.toString(), end: () => void sent.destroy() };
}

/** A stream among the others of one connection. */
async function overHttp2(): Promise<{ readonly first: string; end(): void }> {
  const stream: ClientHttp2Stream = session.request({ ':path': path, ...headers });
  const [first] = (await once(stream, 'data')) as [Buffer];
  return { first: first.toString(), end: () => stream.close(8) };
}

test('1,000 streams are open at once, HTTP/1.1 and HTTP/2, while others are answered; all end with their clients', async () => {
  const before = process.memoryUsage().rss;
  const startedAt = Date.now();
  const streams = await Promise.all(Array.from({ length: half }).flatMap(() => [overHttp1(), overHttp2()]));
  const openedMs = Date.now() - startedAt;
  expect(streams.map(({ first }) => first)).toEqual(
    Array.from({ length: 2 * half }, () => expect.stringMatching(/^\{"id":"0",.*\}\n$/)),
  );
  // None has ended: each is held open by the upstream.
  expect(library.cancelled).toEqual([]);
  expect((await send(library.url, 'GET', '/v1/books/1')).status).toBe(200);
  const grown = (process.memoryUsage().rss - before) / streams.length / 1024;
  process.stderr.write(
    `figures: ${streams.length} streams open after ${openedMs} ms; ${grown.toFixed(0)} KiB each, of client, edge and upstream together\n`,
  );
  for (const stream of streams) stream.end();
  await eventually(() => expect(library.cancelled).toHaveLength(streams.length));
});
