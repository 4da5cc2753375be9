import { once } from 'node:events';
import { connect as connectHttp2, createServer, type ClientHttp2Session, type Http2Server } from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Headers } from './header-block.ts';
import { encodeHeaders } from './header-writer.ts';
import { ClientSession } from './session.ts';

/** node:http2 (nghttp2) writes with Huffman codes, indexes and sizes of tables, and reads what may be read. */
let server: Http2Server;
let node: ClientHttp2Session;
let session: ClientSession;
let answer: Record<string, string | string[]> = {};
let seen: string[] = [];

beforeAll(async () => {
  server = createServer();
  server.on('stream', (stream, _, __, raw) => {
    seen = raw;
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, ...answer }, { endStream: true, sendDate: false } as object);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  node = connectHttp2(`http://127.0.0.1:${port}`);
  const settled = Promise.withResolvers<void>();
  const socket = connect(port, '127.0.0.1');
  session = new ClientSession(
    socket,
    { streamWindowBytes: 65_535, sessionWindowBytes: 1 << 20 },
    { onSettings: () => settled.resolve(), onGoaway: () => undefined, onClose: () => undefined },
  );
  await once(socket, 'connect');
  session.start();
  await settled.promise;
});

afterAll(() => {
  session.destroy();
  node.destroy();
  server.close();
});

const pseudo = [':method', 'POST', ':scheme', 'http', ':authority', 'a', ':path', '/'];

function call(pairs: readonly string[]): Promise<Headers> {
  const { promise, resolve, reject } = Promise.withResolvers<Headers>();
  const ignored = (): void => undefined;
  session.request({ block: encodeHeaders(pseudo), pairs }, Buffer.from('x'), true, {
    onHeaders: (headers) => resolve(headers),
    onData: ignored,
    onEnd: ignored,
    onDrain: ignored,
    onClosed: (code, cause) => reject(cause ?? new Error(`closed with ${code}`)),
  });
  return promise;
}

// All that a value may hold; node:http2 does not take spaces at its ends.
const character = fc.integer({ min: 0x21, max: 0xff }).filter((code) => code !== 0x7f);
const value = fc
  .array(fc.oneof(character, fc.constant(0x20), fc.constant(0x09)), { maxLength: 200 })
  .map((codes) => String.fromCharCode(...codes).trim());
const name = fc.stringMatching(/^[a-z][a-z0-9!#$&'*+.^_`|~-]{0,30}$/).map((text) => `x-${text}`);
const long = fc.integer({ min: 100, max: 5_000 }).map((length) => 'v'.repeat(length));
const pairs = fc.uniqueArray(fc.tuple(name, fc.oneof(value, value, value, long)), {
  selector: ([text]) => text,
  maxLength: 8,
});

test('headers that are written here are read by node:http2', async () => {
  answer = {};
  const check = async (sent: [string, string][]): Promise<void> => {
    await call(sent.flat());
    expect(seen).toEqual([...pseudo, ...sent.flat()]);
  };
  await fc.assert(fc.asyncProperty(pairs, check), { numRuns: 150 });
  // The lengths around which an integer takes another byte.
  for (const length of [126, 127, 128, 254, 255, 16_510, 16_511])
    await check([['x-long', 'a'.repeat(length)]]);
});

test('headers that node:http2 writes are read here as there', async () => {
  const every = Array.from({ length: 256 }, (_, i) => i).filter((i) => i > 0x20 && i !== 0x7f);
  const check = async (sent: [string, string][]): Promise<void> => {
    answer = Object.fromEntries(sent);
    const request = node.request({ ':method': 'POST' });
    request.end();
    const [theirs] = (await once(request, 'response')) as [Record<string, unknown>];
    request.resume();
    const { ':status': status, ...ours } = await call([]);
    expect(status).toBe(String(theirs[':status']));
    const told = Object.fromEntries(Object.entries(theirs).filter(([each]) => each.startsWith('x-')));
    expect({ ...ours }).toEqual({ ...told });
  };
  await fc.assert(fc.asyncProperty(pairs, check), { numRuns: 150 });
  for (const code of every) await check([['x-byte', String.fromCharCode(code).repeat(3)]]);
});
