import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { ServiceError } from '../errors.ts';
import { implement } from '../server/implement.ts';
import { echoContract, echoDefinition } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { staticResolver } from '../discovery/listed.ts';
import { createLogger } from '../logger.ts';
import { frameTypes as types } from '../http2/frames.ts';
import {
  makeFrame,
  numbers,
  startFramePeer,
  type Frame,
  type FramePeer,
  type PeerConnection,
} from '../testing/frame-peer.ts';
import { client } from './client.ts';
import { http2Connect } from './http2-connection.ts';
import { createMesh, type Mesh } from './mesh.ts';
import { RealServers } from './real-servers.test.support.ts';

const methods = { read: { idempotent: true, timeoutMs: 1_000 }, write: { timeoutMs: 1_000 } } as const;
const definition = echoDefinition('test.Echo', methods);
const contract = echoContract('test.Echo', methods);

let servers: RealServers;
beforeAll(async () => {
  servers = await RealServers.create();
});
afterEach(() => servers.end());

/** 80 calls a second for so long; answers how many there were, once all are through. */
async function load(mesh: Mesh, seconds: number): Promise<number> {
  const calls: Promise<unknown>[] = [];
  for (const until = performance.now() + seconds * 1_000; performance.now() < until;) {
    calls.push(
      client(definition, mesh)
        .read({})
        .catch((error: unknown) => error),
    );
    await delay(12.5);
  }
  await Promise.all(calls);
  return calls.length;
}

async function ready(mesh: Mesh): Promise<void> {
  mesh.prepare(['test.Echo']);
  await eventually(() => mesh.instances('test.Echo').every((each) => each.ready));
}

test('with every instance failing, the servers get 1.2 attempts for each call and 10 a second, whatever was before', async () => {
  let failing = false;
  let attempts = 0;
  const read = async (): Promise<string> => {
    attempts += 1;
    if (failing) throw new ServiceError('UNAVAILABLE', 'DOWN', 'down');
    return 'well';
  };
  const addresses = await Promise.all(
    [1, 2].map(() => servers.serve(contract, [implement(definition, { read, write: read })])),
  );
  const mesh = await servers.mesh(contract, addresses);
  await ready(mesh);
  // What might be saved up for worse times.
  await load(mesh, 1);
  failing = true;
  attempts = 0;
  const startedAt = performance.now();
  const calls = await load(mesh, 2);
  const seconds = Math.ceil((performance.now() - startedAt) / 1_000);
  process.stderr.write(`figures: ${attempts} attempts at ${calls} calls in ${seconds} s\n`);
  expect(attempts).toBeGreaterThan(calls);
  expect(attempts).toBeLessThanOrEqual(calls * 1.2 + 10 * seconds);
});

/** Not the watch of its health. */
const isCall = ({ type, payload }: Frame): boolean =>
  type === types.headers && payload.includes('/test.Echo/');

/** Two instances that do so with each request that comes, and a mesh of them. */
async function playedPeers(
  answer: (id: number, connection: PeerConnection) => void,
): Promise<{ peers: FramePeer[]; mesh: Mesh; requests: () => number; end: () => Promise<void> }> {
  const peers = await Promise.all(
    [1, 2].map(() =>
      startFramePeer((frame, connection) => {
        if (isCall(frame)) answer(frame.id, connection);
      }),
    ),
  );
  const mesh = createMesh({
    contract,
    resolver: staticResolver(new Map([['echo', peers.map(({ address }) => address)]]), contract),
    connect: http2Connect({ kind: 'plaintext' }),
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
  const requests = (): number =>
    peers.flatMap(({ connections }) => connections.flatMap(({ frames }) => frames)).filter(isCall).length;
  const end = async (): Promise<void> => {
    await mesh.close();
    for (const peer of peers) peer.close();
  };
  return { peers, mesh, requests, end };
}

test('with instances that break every connection, neither attempts nor new connections become a storm', async () => {
  const { peers, mesh, requests, end } = await playedPeers((_, { socket }) => socket.destroy());
  await ready(mesh);
  const startedAt = performance.now();
  const calls = await load(mesh, 2);
  const seconds = Math.ceil((performance.now() - startedAt) / 1_000);
  const connections = peers.map((peer) => peer.connections.length);
  process.stderr.write(
    `figures: ${requests()} attempts at ${calls} calls, ${connections.join(' + ')} connections\n`,
  );
  expect(requests()).toBeLessThanOrEqual(calls * 1.2 + 10 * seconds);
  // 100 ms, 200, 400, …, each of them shortened by half at most.
  for (const each of connections) expect(each).toBeLessThan(12);
  await end();
});

test('what an instance refuses unseen is tried elsewhere, whatever it does, and within the budget', async () => {
  let refusing = 2;
  const { mesh, requests, end } = await playedPeers((id, { socket }) => {
    // REFUSED_STREAM, or a status of no consequence.
    socket.write(makeFrame(types.rstStream, 0, id, numbers(refusing-- > 0 ? 7 : 8)));
  });
  await ready(mesh);
  const write = (): Promise<unknown> =>
    client(definition, mesh)
      .write({})
      .catch((error: unknown) => error);
  expect(await write()).toMatchObject({ reason: 'STREAM_RESET' });
  expect(requests()).toBe(3);
  refusing = Infinity;
  const calls = 100;
  await Promise.all(Array.from({ length: calls }, write));
  expect(requests() - 3).toBeLessThanOrEqual(calls * 1.2 + 10);
  await end();
});
