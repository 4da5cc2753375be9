import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bytesToUuid } from '../data/uuid.ts';
import { ServiceError } from '../errors.ts';
import { eventually } from '../testing/eventually.ts';
import { methods } from './toy-contract.test.support.ts';
import { toyDatabases, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop } from './toy-shop.test.support.ts';

// PROVE=1: a minute of each at full rate, and the bound of 1.2. Less than that tells only of a standstill.
const prove = process.env['PROVE'] === '1';
const perSecond = prove ? 100 : 30;
const rounds = prove ? 15 : 1;
const roundMs = prove ? 4_000 : 1_000;
const bound = prove ? 1.2 : 5;
/** Pieces that say what is wrong with an order's messages: refused for good, or failing for ever. */
const [poison, broken] = [666, 667];

let databases: ToyDatabases;
let shop: ToyShop;
const orderedAt = new Map<string, number>();
const durations = new Map<string, number>();

beforeAll(async () => {
  databases = await toyDatabases();
  shop = new ToyShop(databases, {
    fate: (path, request) => {
      const { saga, reason } = methods.confirm.requestDeserialize(Buffer.from(request));
      if (path === methods.reserve.path && reason === String(poison))
        return { error: new ServiceError('INVALID_ARGUMENT', 'POISON', 'bad') };
      if (path === methods.reserve.path && reason === String(broken))
        return { error: new ServiceError('INTERNAL', 'BUG', 'internal error') };
      if (path === methods.confirm.path && saga !== undefined) {
        const id = bytesToUuid(Buffer.from(saga.sagaId));
        durations.set(id, performance.now() - (orderedAt.get(id) ?? 0));
      }
      return {};
    },
  });
  await shop.stock(1_000_000);
  shop.run();
}, 60_000);
afterAll(async () => {
  await shop?.stop();
  await databases?.close();
});

/** How long each saga of a round took from its start to its decision, in milliseconds. */
async function round(buyer: string, poisoned: boolean): Promise<number[]> {
  const ids: Promise<string>[] = [];
  if (poisoned) await Promise.all([poison, broken].map((pieces) => shop.order(buyer, pieces)));
  const startedAt = performance.now();
  for (let i = 0; i < (perSecond * roundMs) / 1000; i++) {
    await sleep(Math.max(0, startedAt + (i * 1000) / perSecond - performance.now()));
    const at = performance.now();
    ids.push(
      shop.order(buyer, 1).then((id) => {
        orderedAt.set(id, at);
        return id;
      }),
    );
  }
  const placed = await Promise.all(ids);
  await eventually(() => placed.every((id) => durations.has(id)));
  return placed.map((id) => durations.get(id) ?? Infinity);
}

const p99 = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0;

test('one poisonous message among many sagas does not slow the others', async () => {
  const buyer = await shop.buyer(1_000_000);
  await round(buyer, false);
  const without: number[] = [];
  const withPoison: number[] = [];
  // In turns, so that whatever else the machine does falls on both.
  for (let i = 0; i < rounds; i++) {
    without.push(...(await round(buyer, false)));
    withPoison.push(...(await round(buyer, true)));
  }
  const [clean, other] = [p99(without), p99(withPoison)];
  process.stderr.write(
    `figures: p99 of ${withPoison.length} sagas ${other.toFixed(1)} ms beside poison, ${clean.toFixed(1)} ms without, ${(other / clean).toFixed(2)} ×\n`,
  );
  expect(other).toBeLessThanOrEqual(clean * bound + (prove ? 0 : 50));
  // It is still there: what was slowed by nothing was not slowed by something.
  expect(await undelivered(databases)).toBeGreaterThanOrEqual(rounds);
}, 300_000);
