import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import type { CallContext } from '../call-context.ts';
import { ServiceError } from '../errors.ts';
import { implement } from '../server/implement.ts';
import { echoContract, echoDefinition } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { client } from './client.ts';
import type { Mesh } from './mesh.ts';
import { RealServers } from './real-servers.test.support.ts';

const methods = {
  read: { hedgeAfterMs: 30, timeoutMs: 20_000 },
  /** So late that two callers are never short of budget, also where a busy machine makes each call late. */
  later: { hedgeAfterMs: 250, timeoutMs: 10_000 },
  plain: { idempotent: true, timeoutMs: 1_500 },
} as const;
const definition = echoDefinition('test.Echo', methods);
const contract = echoContract('test.Echo', methods);
type Answer = (context: CallContext) => Promise<string>;

/** How often they were called, all together. */
const total = (got: readonly number[]): number => got.reduce((sum, each) => sum + each, 0);

let servers: RealServers;
beforeAll(async () => {
  servers = await RealServers.create();
});
afterEach(() => servers.end());

/** Instances that answer so, all connected, and the number of calls that each has got. */
async function replicas(answers: readonly Answer[]): Promise<{ mesh: Mesh; got: number[] }> {
  const got = answers.map(() => 0);
  const addresses = await Promise.all(
    answers.map((answer, i) => {
      const handler = async (_: unknown, context: CallContext): Promise<string> => {
        got[i] = (got[i] ?? 0) + 1;
        return answer(context);
      };
      return servers.serve(contract, [
        implement(definition, { read: handler, later: handler, plain: handler }),
      ]);
    }),
  );
  const mesh = await servers.mesh(contract, addresses);
  mesh.prepare(['test.Echo']);
  await eventually(() => mesh.instances('test.Echo').every(({ ready }) => ready));
  return { mesh, got };
}

const quick: Answer = async () => 'quick';
/** Until its caller is gone. */
const stalled: Answer = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('gone'))));

test('with a replica that sometimes never answers, hedged reads are answered all the same', async () => {
  let calls = 0;
  const sometimes: Answer = (context) => ((calls += 1) % 12 === 0 ? stalled(context) : quick(context));
  const { mesh } = await replicas([sometimes, quick]);
  const took: number[] = [];
  const failures: unknown[] = [];
  const load = async (call: () => Promise<unknown>): Promise<void> => {
    for (let i = 0; i < 100; i += 1) {
      const startedAt = performance.now();
      await call().catch((error: ServiceError) => failures.push(error.code));
      took.push(performance.now() - startedAt);
    }
  };
  const both = (call: () => Promise<unknown>) => Promise.all([load(call), load(call)]);
  await both(() => client(definition, mesh).later({}));
  took.sort((a, b) => a - b);
  const [half, most] = [took[took.length / 2], took.at(-1)];
  process.stderr.write(`figures: hedged p50 ${half?.toFixed(1)} ms, at most ${most?.toFixed(1)} ms\n`);
  expect(failures).toEqual([]);
  expect(calls).toBeGreaterThan(12);
  expect(most).toBeGreaterThan(240);
  while (failures.length === 0) await both(() => client(definition, mesh).plain({}));
  expect(new Set(failures)).toEqual(new Set(['DEADLINE_EXCEEDED']));
});

test('the attempt that loses is cancelled at its server', async () => {
  const lost = Promise.withResolvers<unknown>();
  const hangs: Answer = ({ signal }) => {
    signal.addEventListener('abort', () => lost.resolve((signal.reason as ServiceError).code));
    return stalled({ signal } as CallContext);
  };
  const { mesh, got } = await replicas([hangs, quick]);
  while (got[0] === 0) expect(await client(definition, mesh).read({})).toBe('quick');
  expect(await lost.promise).toBe('CANCELLED');
});

test('when all are slow, hedges stay within the budget', async () => {
  const slow: Answer = async () => {
    await delay(150);
    return 'slow';
  };
  const { mesh, got } = await replicas([slow, slow, slow]);
  const startedAt = performance.now();
  const calls = 200;
  await Promise.all(Array.from({ length: calls }, () => client(definition, mesh).read({})));
  const attempts = total(got);
  const seconds = Math.ceil((performance.now() - startedAt) / 1_000);
  expect(attempts).toBeGreaterThan(calls + 10);
  expect(attempts).toBeLessThanOrEqual(calls * 1.2 + 10 * seconds);
});

test('one instance alone is not asked twice, nor one whose answer is a failure that others share', async () => {
  const alone = await replicas([
    async () => {
      await delay(80);
      return 'late';
    },
  ]);
  expect(await client(definition, alone.mesh).read({})).toBe('late');
  expect(alone.got).toEqual([1]);
  const missing: Answer = async () => {
    throw new ServiceError('NOT_FOUND', 'NO_BOOK', 'no such book');
  };
  const both = await replicas([missing, missing]);
  await expect(client(definition, both.mesh).read({})).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(total(both.got)).toBe(1);
});

test('a hedge that fails for good ends the call, one that another instance may mend does not', async () => {
  const failing =
    (error: ServiceError): Answer =>
    () =>
      Promise.reject(error);
  const slow: Answer = async () => {
    await delay(200);
    return 'slow';
  };
  for (const [error, outcome] of [
    [new ServiceError('NOT_FOUND', 'NO_BOOK', 'no such book'), 'NOT_FOUND'],
    [new ServiceError('UNAVAILABLE', 'BUSY', 'busy', { retryAfterMs: -1 }), 'slow'],
  ] as const) {
    const { mesh, got } = await replicas([slow, failing(error)]);
    let result: unknown;
    while (got[0] === 0)
      result = await client(definition, mesh)
        .read({})
        .catch((failure: ServiceError) => failure.code);
    expect(result).toBe(outcome);
    await servers.end();
  }
});

test('a hedge never outlives the deadline, and a call that its caller leaves ends both attempts', async () => {
  let gone = 0;
  const counted: Answer = ({ signal }) => {
    signal.addEventListener('abort', () => (gone += 1));
    return stalled({ signal } as CallContext);
  };
  const { mesh, got } = await replicas([counted, counted]);
  await expect(client(definition, mesh).read({}, { timeoutMs: 20 })).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
  });
  // None, where the machine was so busy that it did not even leave in time.
  const before = total(got);
  expect(before).toBeLessThanOrEqual(1);
  const left = new AbortController();
  const call = client(definition, mesh).read({}, { signal: left.signal });
  call.catch(() => undefined);
  await eventually(() => total(got) === before + 2);
  left.abort();
  await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
  await eventually(() => gone === before + 2);
});
