import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { execute } from '../data/statement.ts';
import { lapse, toyDatabases, totals, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { eventually } from '../testing/eventually.ts';
import { ToyShop, type Fate } from './toy-shop.test.support.ts';

let databases: ToyDatabases;

beforeAll(async () => {
  databases = await toyDatabases();
});
afterAll(() => databases.close());

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Fate>({}) },
  { weight: 1, arbitrary: fc.record<Fate>({ delayMs: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record<Fate>({ lost: fc.constantFrom('request', 'answer') }) },
  {
    weight: 1,
    arbitrary: fc.record<Fate>({ twice: fc.constant(true), delayMs: fc.integer({ min: 0, max: 10 }) }),
  },
);

const order = fc.record({
  pieces: fc.integer({ min: 1, max: 4 }),
  cancelAfterMs: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }),
});

const schedule = fc.record({
  stock: fc.integer({ min: 0, max: 12 }),
  money: fc.integer({ min: 0, max: 12 }),
  fates: fc.array(fate, { minLength: 1, maxLength: 24 }),
  orders: fc.array(order, { minLength: 1, maxLength: 6 }),
});

test('whatever the network does, no piece and no money is lost, and every saga ends one way', async () => {
  const run = async ({
    stock,
    money,
    fates,
    orders,
  }: typeof schedule extends fc.Arbitrary<infer T> ? T : never) => {
    await execute(databases.bank.kysely, 'DELETE FROM charge');
    await execute(databases.bank.kysely, 'DELETE FROM wallet');
    let calls = 0;
    const shop = new ToyShop(databases, {
      fate: () => fates[calls++] ?? {},
      instances: 2,
      poll: { minMs: 5, maxMs: 20 },
    });
    await shop.stock(stock);
    const user = await shop.buyer(money);
    shop.run();
    const placed = await Promise.all(
      orders.map(async ({ pieces, cancelAfterMs }, i) => {
        const id = await shop.order(user, pieces, i % 2);
        if (cancelAfterMs !== undefined) {
          await new Promise((resolve) => setTimeout(resolve, cancelAfterMs));
          await shop.cancel(id);
        }
        return { id, pieces };
      }),
    );
    await eventually(async () => {
      if (calls >= fates.length) await lapse(databases);
      const statuses = await Promise.all(placed.map(({ id }) => shop.status(id)));
      return statuses.every((status) => status !== 'PENDING') && (await undelivered(databases)) === 0;
    }, 10_000);
    await shop.stop();
    let sold = 0;
    for (const { id, pieces } of placed) if ((await shop.status(id)) === 'CONFIRMED') sold += pieces;
    expect(await totals(databases)).toEqual({
      available: stock - sold,
      reserved: 0,
      held: 0,
      money: money - sold,
      charged: sold,
    });
    await expectFences(
      placed.map(({ id }) => id),
      shop,
    );
  };
  await fc.assert(fc.asyncProperty(schedule, run), { numRuns: 30, endOnFailure: true });
}, 60_000);

/** A tombstone has no effect row, one log row per transition, and no step has both outcomes. */
async function expectFences(ids: readonly string[], shop: ToyShop): Promise<void> {
  for (const id of ids) {
    const status = await shop.status(id);
    const logs = await Promise.all(shop.sagas.slice(1, 3).map((saga) => saga.events(id)));
    for (const events of logs) {
      const path = events.map((event) => `${event.fromState} ${event.toState}`);
      expect([
        [],
        ['NEW DONE'],
        ['NEW DONE', 'DONE COMMITTED'],
        ['NEW DONE', 'DONE COMPENSATED'],
        ['NEW TOMBSTONE'],
        ['NEW REFUSED'],
      ]).toContainEqual(path);
      const isHeld = path.at(-1) === 'NEW DONE' || path.at(-1) === 'DONE COMMITTED';
      expect(isHeld).toBe(status === 'CONFIRMED');
    }
  }
}
