import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ServiceError } from '../errors.ts';
import { eventually } from '../testing/eventually.ts';
import { execute } from '../data/statement.ts';
import { toyDatabases, totals, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop } from './toy-shop.test.support.ts';

// PROVE=1: ten minutes, in which all that waits for the bank becomes an undo at the sagas' deadline.
const prove = process.env['PROVE'] === '1';
const awayMs = prove ? 600_000 : 4_000;
const ordersPerSecond = prove ? 20 : 40;
const instances = 2;
/** From each instance of the store and of the office, which call the bank. */
const lanes = 2 * instances;
const serviceMs = 5;

let databases: ToyDatabases;
let shop: ToyShop;
beforeAll(async () => {
  databases = await toyDatabases();
});
afterAll(async () => {
  await shop?.stop();
  await databases?.close();
});

test('a participant that was away is asked seldom, and afterwards drained without a storm', async () => {
  const seconds = new Map<number, number>();
  const startedAt = performance.now();
  let away = true;
  let inFlight = 0;
  let returnedAt = Infinity;
  let attempts = 0;
  let answered = 0;
  const mostAtOnce: number[] = [];
  shop = new ToyShop(databases, {
    instances,
    fate: async (path) => {
      if (!path.startsWith('/toy.Bank/')) return {};
      const second = Math.floor((performance.now() - startedAt) / 1000);
      seconds.set(second, (seconds.get(second) ?? 0) + 1);
      attempts++;
      if (away) return { error: new ServiceError('UNAVAILABLE', 'DOWN', 'down') };
      answered++;
      inFlight++;
      const bucket = Math.floor((performance.now() - returnedAt) / 50);
      mostAtOnce[bucket] = Math.max(mostAtOnce[bucket] ?? 0, inFlight);
      await sleep(serviceMs);
      inFlight--;
      return {};
    },
  });
  const pieces = (awayMs / 1000 + 60) * ordersPerSecond;
  await shop.stock(pieces);
  const buyer = await shop.buyer(pieces);
  shop.run();
  const before = await totals(databases);
  for (let i = 0; performance.now() - startedAt < awayMs; i++) {
    await sleep(Math.max(0, startedAt + (i * 1000) / ordersPerSecond - performance.now()));
    await shop.order(buyer, 1, i % instances);
  }
  const whileAway = attempts;
  const held = await undelivered(databases);
  const busiest = Math.max(...[...seconds].filter(([second]) => second >= 2).map(([, count]) => count));
  // Each lane is paused for a second on average between two tries, once it has seen three fail.
  expect(busiest).toBeLessThanOrEqual(lanes * 5);

  returnedAt = performance.now();
  away = false;
  await eventually(async () => (await undelivered(databases)) === 0, 120_000);
  const drainedMs = performance.now() - returnedAt;
  const most = Math.max(...mostAtOnce.filter((count) => count !== undefined));
  const soonest = Math.max(...mostAtOnce.slice(0, 2).filter((count) => count !== undefined), 0);
  // One at a time from each lane at first, then growing; and nothing is sent twice.
  expect(soonest).toBeLessThanOrEqual(lanes * 4);
  expect(most).toBeLessThanOrEqual(lanes * 64);
  expect(answered).toBeLessThanOrEqual(held * 2 + lanes * 64);
  const parked = await execute<{ n: string }>(
    databases.store.kysely,
    "SELECT COUNT(*) AS n FROM saga_outbox WHERE state = 'parked'",
  );
  expect(Number(parked.rows[0]?.n)).toBe(0);
  const after = await totals(databases);
  expect(after.money + after.charged).toBe(before.money + before.charged);
  process.stderr.write(
    `figures: away ${awayMs / 1000} s at ${ordersPerSecond} orders a second: ${whileAway} attempts, ${busiest} in the busiest second; ` +
      `${held} messages waited, drained in ${(drainedMs / 1000).toFixed(1)} s; at once ${soonest} at first, ${most} at most\n`,
  );
}, 900_000);
