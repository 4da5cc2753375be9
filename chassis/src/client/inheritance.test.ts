import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { runInCall, type CallContext } from '../call-context.ts';
import type { ServiceError } from '../errors.ts';
import { implement } from '../server/implement.ts';
import { echoContract, echoDefinition } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { client } from './client.ts';
import type { Mesh } from './mesh.ts';
import { RealServers } from './real-servers.test.support.ts';

// Three services, each of which calls the next.
const methods = {
  report: { timeoutMs: 5_000, priority: 'BATCH' },
  read: { timeoutMs: 5_000 },
  undo: { timeoutMs: 5_000, priority: 'CRITICAL' },
} as const;
const names = ['test.First', 'test.Second', 'test.Third'] as const;
const contracts = names.map((name) => echoContract(name, methods));
type Method = keyof typeof methods;

let servers: RealServers;
beforeAll(async () => {
  servers = await RealServers.create();
});
afterEach(() => servers.end());

/**
 * The first of the three, as the edge calls it. Each calls the same method of the next, the last runs `last`;
 * `seen` is told of each call.
 */
async function threeHops(
  seen: (hop: number, context: CallContext) => void,
  last: (context: CallContext) => Promise<string> = async () => 'done',
  inner: (method: Method) => Method = (method) => method,
): Promise<Mesh> {
  let next: Mesh | undefined;
  for (let hop = names.length - 1; hop >= 0; hop -= 1) {
    const beyond = next;
    const definition = echoDefinition(names[hop] ?? '', methods);
    const following = echoDefinition(names[hop + 1] ?? '', methods);
    const handler = (method: Method) => async (_: unknown, context: CallContext) => {
      seen(hop, context);
      // What a hop takes before it calls on.
      await delay(5);
      return beyond === undefined ? last(context) : client(following, beyond)[inner(method)]({});
    };
    const handlers = { report: handler('report'), read: handler('read'), undo: handler('undo') };
    const contract = contracts[hop];
    if (contract === undefined) throw new Error('no such hop');
    const address = await servers.serve(contract, [implement(definition, handlers)]);
    next = await servers.mesh(contract, [address], `caller${hop}`);
  }
  if (next === undefined) throw new Error('no hops');
  return next;
}

const first = (mesh: Mesh) => client(echoDefinition(names[0], methods), mesh);

test('a deadline shrinks on each hop', async () => {
  const left: number[] = [];
  const mesh = await threeHops((hop, { deadlineMs }) => (left[hop] = (deadlineMs ?? Infinity) - Date.now()));
  expect(await first(mesh).read({}, { timeoutMs: 2_000 })).toBe('done');
  expect(left).toHaveLength(3);
  const [one = 0, two = 0, three = 0] = left;
  expect(one).toBeLessThanOrEqual(2_000);
  expect(two).toBeLessThan(one);
  expect(three).toBeLessThan(two);
  expect(three).toBeGreaterThan(0);
});

test('a stream ends with the deadline of the call that it is made for, at its server too', async () => {
  const streams = { ticks: { responseStream: true } } as const;
  const definition = echoDefinition('test.Ticker', streams);
  const contract = echoContract('test.Ticker', streams);
  const told: { left: number; ended: boolean }[] = [];
  const ticks = async function* (_: unknown, { deadlineMs = Infinity, signal }: CallContext) {
    const own = { left: deadlineMs - Date.now(), ended: false };
    told.push(own);
    yield 'begun';
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    own.ended = true;
  };
  const mesh = await servers.mesh(contract, [
    await servers.serve(contract, [implement(definition, { ticks })]),
  ]);
  await client(definition, mesh).ticks({})[Symbol.asyncIterator]().next();
  const context = { path: '/a.B/C', caller: 'test', signal: new AbortController().signal };
  for (const [deadlineMs, timeoutMs] of [
    [Date.now() + 700, 60_000],
    [Date.now() + 60_000, 700],
  ] as const) {
    const reading = runInCall({ ...context, deadlineMs }, async () => {
      for await (const tick of client(definition, mesh).ticks({}, { timeoutMs })) expect(tick).toBe('begun');
    });
    await expect(reading).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  }
  const [unbounded, ...bounded] = told;
  expect(unbounded?.left).toBe(Infinity);
  for (const { left } of bounded) expect(left).toBeLessThan(701);
  await eventually(() => expect(bounded.map(({ ended }) => ended)).toEqual([true, true]));
});

test('a caller that leaves ends what was done for it on each hop', async () => {
  const ended: string[] = [];
  let begun = 0;
  const mesh = await threeHops(
    (hop, { signal }) => {
      begun += 1;
      signal.addEventListener('abort', () => ended.push(`${hop} ${(signal.reason as ServiceError).code}`));
    },
    // Until it is told.
    ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('late'))),
  );
  const left = new AbortController();
  const call = first(mesh).read({}, { signal: left.signal });
  call.catch(() => undefined);
  await eventually(() => begun === 3);
  left.abort();
  await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
  await eventually(() => expect([...ended].sort()).toEqual(['0 CANCELLED', '1 CANCELLED', '2 CANCELLED']));
});

test.each<[Method, Method, (string | undefined)[]]>([
  ['report', 'read', ['BATCH', 'BATCH', 'BATCH']],
  ['report', 'undo', ['BATCH', 'BATCH', 'BATCH']],
  ['read', 'report', ['USER', 'BATCH', 'BATCH']],
  ['undo', 'read', ['CRITICAL', 'USER', 'USER']],
  ['read', 'undo', ['USER', 'USER', 'USER']],
])('made for %s, a call of %s has the lower priority of both', async (outer, inner, priorities) => {
  const seen: unknown[] = [];
  const mesh = await threeHops(
    (hop, { priority }) => (seen[hop] = priority),
    undefined,
    () => inner,
  );
  await first(mesh)[outer]({});
  expect(seen).toEqual(priorities);
});

test('nobody outside of the mesh sets a priority: what is in metadata is not sent on', async () => {
  const seen: unknown[] = [];
  const mesh = await threeHops((hop, { priority }) => (seen[hop] = priority));
  await first(mesh).read({}, { metadata: ['weft-priority', 'BATCH'] });
  expect(seen).toEqual(['USER', 'USER', 'USER']);
});
