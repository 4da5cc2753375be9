import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { compressionAlgorithms, makeGenericClientConstructor, type Client } from '@grpc/grpc-js';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { client } from '../client/client.ts';
import { RealServers } from '../client/real-servers.test.support.ts';
import { echoContract, echoDefinition } from '../testing/echo.ts';
import { implement } from './implement.ts';
import type { GrpcServerOptions } from './server.ts';

const methods = { same: {}, repeat: {}, times: { responseStream: true } } as const;
const definition = echoDefinition('test.Echo', methods);
const contract = echoContract('test.Echo', methods);
const mebibyte = 1024 * 1024;

let servers: RealServers;
let counter: Server | undefined;
beforeAll(async () => {
  servers = await RealServers.create();
});
afterEach(async () => {
  await servers.end();
  counter?.close();
});

const echo = implement(definition, {
  same: async (request) => request,
  repeat: async (length) => 'a'.repeat(Number(length)),
  async *times(length) {
    for (let i = 0; i < 3; i += 1) yield 'b'.repeat(Number(length));
  },
});
const serve = (options: Partial<GrpcServerOptions> = {}) => servers.serve(contract, [echo], options);

/** An address that leads to another; how many bytes went there and back. */
async function counted(
  address: string,
): Promise<{ address: string; bytes: { sent: number; answered: number } }> {
  const bytes = { sent: 0, answered: 0 };
  counter = createServer((inner) => {
    const outer = connect(Number(address.split(':')[1]), '127.0.0.1');
    inner.on('data', ({ length }) => (bytes.sent += length));
    outer.on('data', ({ length }) => (bytes.answered += length));
    inner.on('error', () => outer.destroy()).on('close', () => outer.destroy());
    outer.on('error', () => inner.destroy()).on('close', () => inner.destroy());
    inner.pipe(outer).pipe(inner);
  }).listen(0, '127.0.0.1');
  await once(counter, 'listening');
  return { address: `127.0.0.1:${(counter.address() as AddressInfo).port}`, bytes };
}

/** grpc-js as a client of its own. */
async function grpcJs(address: string, options: object = {}) {
  const credentials = await servers.credentials();
  const Constructor = makeGenericClientConstructor(definition as never, 'Echo');
  const made: Client = new Constructor(address, credentials, {
    'grpc.max_send_message_length': -1,
    ...options,
  });
  const unary = (method: keyof typeof methods, request: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const { path } = definition[method];
      const write = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
      const read = (bytes: Buffer): unknown => JSON.parse(bytes.toString());
      made.makeUnaryRequest(path, write, read, request, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  return { unary, close: () => made.close() };
}

test.each([
  ['off, nothing is', undefined, undefined, 'long', 'long'],
  ['on for requests, they are', 1_000, undefined, 'short', 'long'],
  ['on for answers, they are', undefined, 1_000, 'long', 'short'],
])('compressed: %s', async (_, requestsAbove, answersAbove, sent, answered) => {
  const { address, bytes } = await counted(await serve({ compressAboveBytes: answersAbove }));
  const mesh = await servers.mesh(contract, [address], 'edge', { compressAboveBytes: requestsAbove });
  const { same } = client(definition, mesh);
  // From here on it is known what the server takes.
  await same('first');
  const before = { ...bytes };
  const long = 'weft '.repeat(20_000);
  expect(await same(long)).toBe(long);
  const sizeOf = (length: number): string =>
    length < 5_000 ? 'short' : length >= long.length ? 'long' : 'odd';
  expect(sizeOf(bytes.sent - before.sent)).toBe(sent);
  expect(sizeOf(bytes.answered - before.answered)).toBe(answered);
});

test('a stream has its long messages compressed, the short ones not', async () => {
  const { address, bytes } = await counted(await serve({ compressAboveBytes: 1_000 }));
  const { times } = client(definition, await servers.mesh(contract, [address]));
  const got: unknown[] = [];
  for (const length of [10, 50_000]) for await (const message of times(length)) got.push(message);
  expect(got.map((message) => String(message).length)).toEqual([10, 10, 10, 50_000, 50_000, 50_000]);
  expect(bytes.answered).toBeLessThan(20_000);
});

test('other clients are understood both ways', async () => {
  const address = await serve({ compressAboveBytes: 1_000 });
  const gzip = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip };
  for (const options of [{}, gzip]) {
    const other = await grpcJs(address, options);
    expect(await other.unary('same', 'x'.repeat(50_000))).toBe('x'.repeat(50_000));
    expect(await other.unary('same', 'short')).toBe('short');
    other.close();
  }
});

test('a server takes no message over 4 MiB, however small it was made, and sends none', async () => {
  const address = await serve();
  const gzip = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip };
  for (const options of [{}, gzip]) {
    const other = await grpcJs(address, options);
    const bomb = other.unary('same', 'x'.repeat(8 * mebibyte));
    await expect(bomb).rejects.toMatchObject({ code: 8 });
    await expect(other.unary('repeat', 5 * mebibyte)).rejects.toMatchObject({ code: 8 });
    expect(await other.unary('same', 'still here')).toBe('still here');
    other.close();
  }
});
