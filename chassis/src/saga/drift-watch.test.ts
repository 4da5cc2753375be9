import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { execute } from '../data/statement.ts';
import { eventually } from '../testing/eventually.ts';
import { DriftWatch } from './drift-watch.ts';
import { toyContract } from './toy-contract.test.support.ts';
import { toyDatabases, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop } from './toy-shop.test.support.ts';

let databases: ToyDatabases;
let shop: ToyShop;

beforeAll(async () => {
  databases = await toyDatabases();
  shop = new ToyShop(databases);
});
afterAll(async () => {
  await shop.stop();
  await databases.close();
});

test('drift is seen, and told once, however far the clock of the process is ahead', async () => {
  await shop.stock(10);
  shop.run();
  const id = await shop.order(await shop.buyer(5), 1);
  await eventually(async () => (await shop.status(id)) === 'CONFIRMED');
  await eventually(async () => (await undelivered(databases)) === 0);
  // Changed by hand, and old enough to be looked at.
  await execute(databases.store.kysely, 'UPDATE saga_log SET at = at - INTERVAL 10 SECOND');
  const told: unknown[] = [];
  const write = (line: string) => void told.push(JSON.parse(line));
  const nowMs = Date.now();
  const clock = jest.spyOn(Date, 'now').mockReturnValue(nowMs + 3_600_000);
  const watch = new DriftWatch(
    {
      contract: toyContract(),
      workload: 'store',
      instanceId: 's',
      database: databases.store,
      mesh: shop.mesh('store'),
      logger: pino({ level: 'error' }, { write }),
      dispatch: () => {},
    },
    () => ({}),
  );
  clock.mockRestore();
  for (let looks = 0; looks < 4; looks++) await watch.look();
  expect(told).toEqual([expect.objectContaining({ alarm: true, check: 'log', key: id })]);
});
