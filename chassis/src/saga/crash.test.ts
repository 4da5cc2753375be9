import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Failpoint } from './failpoints.ts';
import { lapse, toyDatabases, totals, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { eventually } from '../testing/eventually.ts';
import { ToyShop } from './toy-shop.test.support.ts';

let databases: ToyDatabases;
let shop: ToyShop;

beforeAll(async () => {
  databases = await toyDatabases();
  shop = new ToyShop(databases);
  await shop.stock(100);
});
afterAll(() => databases.close());

/** Runs a victim until it dies of its failpoint. */
async function die(where: string, user: string): Promise<void> {
  const script = fileURLToPath(new URL('./crash-victim.test.support.ts', import.meta.url));
  const child = spawn(process.execPath, [script, user, '2', ...databases.urls], {
    env: { PATH: process.env['PATH'], WEFT_FAILPOINTS: where, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [, signal] = await once(child, 'exit');
  if (signal !== 'SIGKILL') throw new Error(`the victim outlived ${where}`);
}

const points: readonly [Failpoint, number][] = [
  ['commit.before', 2],
  ['commit.after', 3],
  ['send.before', 2],
  ['send.after', 3],
  ['ack.before', 1],
  ['ack.after', 1],
];

test('a process killed on either side of a commit, a send or an acknowledgement loses nothing', async () => {
  const users = await Promise.all(points.map(() => shop.buyer(10)));
  const before = await totals(databases);
  for (let i = 0; i < points.length; i += 2)
    await Promise.all(
      points.slice(i, i + 2).map(([point, nth], j) => die(`${point}=crash@${nth}`, users[i + j] as string)),
    );
  // What the others left behind is there for the last one to claim.
  await lapse(databases);
  await die('claim.after=crash@1', users[0] as string);
  await lapse(databases);
  shop.run();
  const pending = async () =>
    Number(
      (
        await databases.office.kysely
          .selectFrom('orders')
          .select('status')
          .where('status', '=', 'PENDING')
          .execute()
      ).length,
    );
  await eventually(async () => (await pending()) === 0 && (await undelivered(databases)) === 0);
  await shop.stop();
  const after = await totals(databases);
  const orders = await databases.office.kysely.selectFrom('orders').select('status').execute();
  expect(orders.length).toBeGreaterThan(0);
  expect(new Set(orders.map(({ status }) => status))).toEqual(new Set(['CONFIRMED']));
  expect(after).toEqual({
    available: before.available - orders.length,
    reserved: 0,
    held: 0,
    money: before.money - orders.length,
    charged: orders.length,
  });
}, 60_000);
