import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execute } from '../data/statement.ts';
import { bytesToUuid } from '../data/uuid.ts';
import { ServiceError } from '../errors.ts';
import { eventually } from '../testing/eventually.ts';
import { killTransactions } from './kill-transactions.test.support.ts';
import { audit } from './toy-audit.test.support.ts';
import { toyDatabases, totals, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop } from './toy-shop.test.support.ts';

const sagas = Number(process.env['SAGAS'] ?? 100);
const atOnce = 32;

let databases: ToyDatabases;

beforeAll(async () => {
  databases = await toyDatabases();
});
afterAll(() => databases.close());

test('every message arrives 1 to 3 times and transactions are killed: each saga ends one way, once', async () => {
  const startedAt = performance.now();
  const dying = killTransactions(databases, 0.05);
  const shop = new ToyShop(dying.databases, {
    instances: 2,
    poll: { minMs: 50, maxMs: 150 },
    fate: () => ({ times: 1 + Math.floor(Math.random() * 3) }),
  });
  // A fifth of the buyers cannot pay for all they order, and the last ones find nothing left.
  await shop.stock(Math.ceil(sagas * 0.7));
  const users = await Promise.all(Array.from({ length: 50 }, (_, i) => shop.buyer(i % 5 === 0 ? 1 : sagas)));
  const before = await totals(databases);
  shop.run();
  const pending = async (): Promise<number> => {
    const sql = "SELECT COUNT(*) AS n FROM saga WHERE name = 'toy' AND state = 'PENDING'";
    return Number((await execute<{ n: string }>(databases.office.kysely, sql)).rows[0]?.n);
  };
  const left = Array.from({ length: sagas }, (_, i) => i).values();
  const buy = async (): Promise<void> => {
    for (const i of left) {
      if (i % 50 === 0) await eventually(async () => (await pending()) < 200, 600_000);
      const user = users[i % users.length] as string;
      const id = await untilItWorks(() => shop.order(user, 1));
      // Some change their minds, before or after it is confirmed.
      if (i % 10 === 0) await untilItWorks(async () => (await shop.cancel(id)) || shop.giveBack(id, user, 1));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, buy));
  await eventually(async () => (await pending()) === 0 && (await undelivered(databases)) === 0, 600_000);
  await shop.stop();
  await dying.close();
  const { rows } = await execute<{ id: Buffer; status: string }>(
    databases.office.kysely,
    'SELECT id, status FROM orders',
  );
  const orders = rows.map(({ id }) => ({ id: bytesToUuid(id), pieces: 1 }));
  expect(await audit(databases, orders, before)).toEqual([]);
  const { killed, transactions } = dying.counts();
  const share = ((100 * killed) / transactions).toFixed(1);
  const ended = Object.entries(Object.groupBy(rows, ({ status }) => status));
  const ends = ended.map(([status, those]) => `${those?.length} ${status}`).join(', ');
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  process.stderr.write(
    `figures: ${orders.length} sagas (${ends}), 0 violations, ${share}% of ${transactions} transactions killed, ${seconds} s\n`,
  );
  expect(orders.length).toBeGreaterThanOrEqual(sagas);
  expect(killed / transactions).toBeGreaterThan(0.03);
}, 1_800_000);

/** What is not known to have happened is done again: an order that was placed all the same is one more. */
async function untilItWorks<T>(work: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== 'UNAVAILABLE') throw error;
    }
}
