import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { ClientHttp2Session } from 'node:http2';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLogger } from '@weft/chassis/logger';
import { createAuthority, type Identity } from '@weft/chassis/testing/certificates';
import { eventually } from '@weft/chassis/testing/eventually';
import { answerOf, openHttp2, request2 } from '../testing/http2.ts';
import { raw } from '../testing/http.ts';
import { limits, quiet, startLibrary, type Library } from '../testing/library.ts';
import { followTlsFiles, readTlsFiles, type TlsFiles } from './tls-files.ts';

let library: Library;
let session: ClientHttp2Session;
const started: Library[] = [];
beforeAll(async () => {
  library = await start();
  session = openHttp2(library.url);
});
afterAll(async () => {
  session.destroy();
  await Promise.all(started.map((one) => one.stop()));
});

async function start(options: Parameters<typeof startLibrary>[0] = {}): Promise<Library> {
  const one = await startLibrary(options);
  started.push(one);
  return one;
}

const echo = { ':method': 'POST', ':path': '/v1/echo', 'content-type': 'application/json' };

test.each<[string, object, string | undefined, number, string]>([
  ['GET', { ':path': '/v1/books/1' }, undefined, 200, '{"id":"1"}'],
  ['HEAD', { ':path': '/v1/books/1', ':method': 'HEAD' }, undefined, 200, ''],
  ['a body without a length', echo, '{"aString":"x"}', 200, '{"aString":"x"}'],
  ['no route', { ':path': '/nope' }, undefined, 404, 'ROUTE_NOT_FOUND'],
  ['a wrong method', { ':path': '/v1/books/1', ':method': 'DELETE' }, undefined, 405, 'METHOD_NOT_ALLOWED'],
  ['a body that is too large', echo, ' '.repeat(100_000), 413, 'BODY_TOO_LARGE'],
  ['a path that is too long', { ':path': `/${'a'.repeat(5_000)}` }, undefined, 414, 'URI_TOO_LONG'],
  ['headers that are too large', { ':path': '/', 'x-a': 'a'.repeat(9_000) }, undefined, 431, 'HEADERS_TOO'],
  ['another expectation', { ...echo, expect: 'tea' }, '{}', 417, 'EXPECTATION_FAILED'],
  ['a stream', { ':path': '/v1/books:watch?count=2' }, undefined, 200, '},\n{'],
])('REST over HTTP/2: %s', async (_, headers, body, status, text) => {
  const answer = await request2(session, headers as Record<string, string>, body);
  expect([answer.status, answer.rstCode]).toEqual([status, 0]);
  expect(answer.body.toString()).toContain(text);
});

test('over HTTP/2 a stream that fails is reset, and its connection goes on', async () => {
  const cut = await request2(session, { ':path': '/v1/books:watch?count=1&failCode=9' });
  expect([cut.rstCode, cut.body.toString()]).toEqual([2, '[{"id":"0","title":"t"}']);
  expect((await request2(session, { ':path': '/v1/books/1' })).status).toBe(200);
});

test('over HTTP/2 a client that resets its stream cancels the call; half a body calls nothing', async () => {
  const before = library.cancelled.length;
  const stream = session.request({ ':method': 'POST', ':path': '/v1/hang' }, { endStream: true });
  stream.on('error', () => undefined);
  await eventually(() => library.hanging() > 0);
  stream.close(8);
  await eventually(() => library.cancelled.length > before);
  const half = session.request({ ...echo, ':path': '/v1/hang' });
  half.on('error', () => undefined);
  half.write('{}');
  await request2(session, { ':path': '/v1/books/1' });
  half.close(8);
  await request2(session, { ':path': '/v1/books/1' });
  expect(library.hanging()).toBe(0);
});

test('over HTTP/2 a stream whose client does not read is cut, and no other one', async () => {
  const before = library.produced();
  const slow = session.request({ ':path': '/v1/books:watch?endless=true&titleLength=100000' });
  const closed = new Promise((resolve) => slow.on('error', () => undefined).on('close', resolve));
  slow.pause();
  await library.nextCancel();
  expect(library.produced() - before).toBeLessThan(200);
  slow.resume();
  await closed;
  expect(slow.rstCode).toBe(2);
  expect((await request2(session, { ':path': '/v1/books/1' })).status).toBe(200);
});

test('a body that stops half way is refused, over HTTP/2 too', async () => {
  const strict = await start({ limits: { ...limits, requestMs: 300 } });
  const other = openHttp2(strict.url);
  const stream = other.request(echo);
  stream.write('{');
  const answer = await answerOf(stream);
  expect([answer.status, answer.body.toString()]).toEqual([408, expect.stringContaining('REQUEST_TIMEOUT')]);
  other.destroy();
});

function write(socket: Socket, bytes: string | Buffer, size: number): void {
  const all = Buffer.from(bytes);
  for (let i = 0; i < all.length; i += size) setTimeout(() => socket.write(all.subarray(i, i + size)), i);
}

test.each([1, 3, 23, 1_000])('the first bytes tell what a connection speaks, %d at a time', async (size) => {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const socket = connectTcp(library.port, '127.0.0.1');
  const first = new Promise<Buffer>((resolve) => socket.once('data', resolve));
  write(socket, Buffer.concat([preface, settings]), size);
  expect((await first)[3]).toBe(4);
  socket.destroy();
  const old = connectTcp(library.port, '127.0.0.1');
  let text = '';
  old.on('data', (chunk) => (text += chunk.toString()));
  write(old, 'PROPFIND /x HTTP/1.1\r\nhost: x\r\n\r\nGET /v1/books/1 HTTP/1.1\r\nhost: x\r\n\r\n', size);
  await eventually(() => text.includes('HTTP/1.1 404') && text.endsWith('{"id":"1"}'));
  old.destroy();
});

test.each([
  ['nothing', '', ''],
  ['the beginning of a preface', 'PRI * HT', 'HTTP/1.1 408'],
  ['half a request', 'GET / HT', 'HTTP/1.1 408'],
])('a connection that says %s is closed in time', async (_, bytes, answer) => {
  const strict = await start({ limits: { ...limits, headersMs: 200 } });
  expect((await raw(strict.port, bytes)).slice(0, 12)).toBe(answer);
});

test.each([
  ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n', 405, 'METHOD_NOT_ALLOWED'],
  ['a version that is not its own', 'GET / HTTP/2.0\r\nhost: x\r\n\r\n', 400, 'MALFORMED_REQUEST'],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'MALFORMED_REQUEST'],
  ['two Hosts', 'GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n', 400, 'MALFORMED_REQUEST'],
  ['another expectation', 'GET / HTTP/1.1\r\nhost: x\r\nexpect: tea\r\n\r\n', 417, 'EXPECTATION_FAILED'],
])('%s is answered as everything else is', async (_, bytes, status, reason) => {
  const answer = await raw(library.port, bytes);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(answer).toContain(`"reason":"${reason}"`);
});

test('an idle HTTP/2 connection is closed, one with a stream is not', async () => {
  const brief = await start({ limits: { ...limits, keepAliveMs: 200 } });
  const idle = openHttp2(brief.url);
  const busy = openHttp2(brief.url);
  const stream = busy.request({ ':path': `/v1/books:watch?count=1&failCode=${quiet}` });
  stream.on('error', () => undefined).resume();
  await new Promise((resolve) => idle.on('close', resolve));
  expect([busy.closed, stream.closed]).toEqual([false, false]);
  busy.destroy();
});

test('a flood of resets ends the connection', async () => {
  const flood = openHttp2(library.url);
  const closed = new Promise((resolve) => flood.on('close', resolve));
  await new Promise((resolve) => flood.once('connect', resolve));
  const reset = (): void => {
    for (let i = 0; i < 200 && !flood.destroyed && !flood.closed; i++) {
      const stream = flood.request({ ':path': '/v1/books/1' });
      stream.on('error', () => undefined);
      stream.close(8);
    }
    if (!flood.destroyed && !flood.closed) setImmediate(reset);
  };
  reset();
  await closed;
  expect((await request2(session, { ':path': '/v1/books/1' })).status).toBe(200);
});

test('draining tells HTTP/2 clients to go, finishes their calls, and closes', async () => {
  const leaving = await start();
  const other = openHttp2(leaving.url);
  const goaways: number[] = [];
  other.on('goaway', (_, last) => goaways.push(last));
  const hanging = request2(other, { ...echo, ':path': '/v1/hang', 'x-server-timeout': '0.5' }, '{}');
  await eventually(() => leaving.hanging() > 0);
  await leaving.edge.drain(5_000, 100);
  expect((await hanging).status).toBe(504);
  expect(goaways[0]).toBe(2 ** 31 - 1);
  expect(other.destroyed || other.closed).toBe(true);
});

/** Runs with a folder in which a certificate can be put. */
async function withTlsFiles(
  run: (files: TlsFiles, install: (identity: Identity) => void) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'edge-tls-'));
  const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  try {
    await run(files, ({ cert, key }) => {
      writeFileSync(files.certFile, cert);
      writeFileSync(files.keyFile, key);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('under TLS the two sides agree by ALPN', async () => {
  const authority = await createAuthority();
  await withTlsFiles(async (tls, install) => {
    install(await authority.issue('edge'));
    const secure = await start({ tls });
    const trust = { rejectUnauthorized: false };
    const other = openHttp2(`https://127.0.0.1:${secure.port}`, trust);
    expect((await request2(other, { ':path': '/v1/books/1' })).body.toString()).toBe('{"id":"1"}');
    other.destroy();
    const old = connectTls({ port: secure.port, ...trust, ALPNProtocols: ['http/1.1'] });
    let text = '';
    old.on('data', (chunk) => (text += chunk.toString()));
    old.write('GET /v1/books/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await eventually(() => text.endsWith('{"id":"1"}'));
    // A client without TLS gets no answer, and does no harm.
    expect(await raw(secure.port, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n').catch(() => '')).not.toContain(
      'HTTP/',
    );
    await secure.stop();
  });
});

test('a new certificate is taken up, and one that is none is not', async () => {
  const authority = await createAuthority();
  const [one, two] = await Promise.all([authority.issue('edge'), authority.issue('edge')]);
  await withTlsFiles(async (files, install) => {
    install(one);
    const used: unknown[] = [];
    const logger = createLogger({ name: 'edge', level: 'silent' });
    const stop = followTlsFiles(files, ({ cert }) => used.push(String(cert)), logger, 20);
    try {
      await eventually(() => {
        install(two);
        return used.includes(two.cert);
      });
      writeFileSync(files.keyFile, 'no key');
      expect(() => readTlsFiles(files)).toThrow(/DECODER|PEM/);
    } finally {
      stop();
    }
  });
});
