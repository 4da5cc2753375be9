import { afterAll, afterEach, beforeAll, expect, test, jest } from '@jest/globals';
import { execute } from '../data/statement.ts';
import { bytesToUuid } from '../data/uuid.ts';
import { ServiceError } from '../errors.ts';
import { claim, deleteDelivered, dueTargets, recordFailure } from './outbox.ts';
import { methods } from './toy-contract.test.support.ts';
import { lapse, toyDatabases, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { eventually } from '../testing/eventually.ts';
import { ToyShop, type ToyOptions } from './toy-shop.test.support.ts';

jest.setTimeout(30_000);

let databases: ToyDatabases;
let shop: ToyShop;

beforeAll(async () => {
  databases = await toyDatabases();
});
afterEach(async () => {
  await shop.stop();
  for (const on of [databases.office, databases.store, databases.bank])
    await execute(on.kysely, 'DELETE FROM saga_outbox');
});
afterAll(() => databases.close());

async function open(options: ToyOptions = {}): Promise<ToyShop> {
  shop = new ToyShop(databases, options);
  await shop.stock(1_000);
  return shop;
}

const outbox = async () =>
  (
    await execute<{ state: string; attempts: number; last_code: string; epoch: number }>(
      databases.office.kysely,
      'SELECT state, attempts, last_code, epoch FROM saga_outbox ORDER BY created_at',
    )
  ).rows;
const isConfirmed = async (id: string) => (await shop.status(id)) === 'CONFIRMED';
const unavailable = new ServiceError('UNAVAILABLE', 'DOWN', 'down');

test('what a process has committed and not sent, the poll of another sends once the lease has lapsed', async () => {
  await open();
  const user = await shop.buyer(1);
  const id = await shop.order(user, 1);
  expect(await outbox()).toEqual([{ state: 'pending', attempts: 0, last_code: '', epoch: 1 }]);
  shop.run();
  await lapse(databases);
  await eventually(() => isConfirmed(id));
});

test('a row is nobody else’s while its lease lasts', async () => {
  await open();
  await shop.order(await shop.buyer(1), 1);
  const claimed = () => databases.office.transaction((tx) => claim(tx, 'toy.Store', 64));
  expect(await claimed()).toHaveLength(0);
  await lapse(databases);
  const both = await Promise.all([claimed(), claimed()]);
  expect(both.flat()).toHaveLength(1);
});

test('a row does not wait for a clock that was set back, but for as long as a pause may be', async () => {
  await open();
  await shop.order(await shop.buyer(1), 1);
  const { office } = databases;
  const claimed = () => office.transaction((tx) => claim(tx, 'toy.Store', 64));
  const dueIn = (seconds: number) =>
    execute(office.kysely, 'UPDATE saga_outbox SET next_at = UTC_TIMESTAMP(3) + INTERVAL ? SECOND', [
      seconds,
    ]);
  await dueIn(30);
  expect(await claimed()).toEqual([]);
  expect(await dueTargets(office.kysely, ['toy.Store'])).toEqual([]);
  await dueIn(3_600);
  expect(await dueTargets(office.kysely, ['toy.Store'])).toEqual(['toy.Store']);
  expect(await claimed()).toHaveLength(1);
});

test('a relay that slept past its lease can neither delete nor put off the row of the next one', async () => {
  await open();
  await shop.order(await shop.buyer(1), 1);
  const claimed = () => databases.office.transaction((tx) => claim(tx, 'toy.Store', 64));
  await lapse(databases);
  const [slept] = await claimed();
  await lapse(databases);
  const [current] = await claimed();
  if (slept === undefined || current === undefined) throw new Error('no row');
  const { kysely } = databases.office;
  await deleteDelivered(kysely, [slept]);
  await recordFailure(kysely, slept, { state: 'parked' }, { code: 'UNAVAILABLE', message: '' });
  expect(await outbox()).toEqual([{ state: 'pending', attempts: 0, last_code: '', epoch: 3 }]);
  await deleteDelivered(kysely, [current]);
  expect(await outbox()).toEqual([]);
});

test('a poisonous message is parked after 3 attempts, and delays no other', async () => {
  await open({
    fate: (path, request) => {
      const isPoison = path === methods.reserve.path && Buffer.from(request).includes('666');
      return isPoison ? { error: new ServiceError('INVALID_ARGUMENT', 'POISON', 'bad') } : {};
    },
  });
  shop.run();
  const user = await shop.buyer(20);
  const poisoned = await shop.order(user, 666);
  const others = await Promise.all(Array.from({ length: 20 }, () => shop.order(user, 1)));
  await eventually(async () => (await Promise.all(others.map(isConfirmed))).every(Boolean), 15_000);
  const parked = async () => (await outbox()).filter(({ state }) => state === 'parked');
  await eventually(async () => (await parked()).length > 0);
  expect(await parked()).toMatchObject([{ attempts: 3, last_code: 'INVALID_ARGUMENT' }]);
  expect(await shop.status(poisoned)).toBe('PENDING');
});

test('parked messages that are due take no room from pending ones', async () => {
  await open();
  const user = await shop.buyer(9);
  await Promise.all(Array.from({ length: 4 }, () => shop.order(user, 1)));
  const { office } = databases;
  await execute(office.kysely, "UPDATE saga_outbox SET state = 'parked', next_at = UTC_TIMESTAMP(3)");
  const id = await shop.order(user, 1);
  await lapse(databases);
  const states = async () =>
    (await office.transaction((tx) => claim(tx, 'toy.Store', 2))).map((row) => [
      row.state,
      bytesToUuid(row.sagaId) === id,
    ]);
  expect(await states()).toEqual([
    ['pending', true],
    ['parked', false],
  ]);
});

test('a failing message of one kind does not stop the others to the same target', async () => {
  await open({
    fate: (path, request) =>
      path === methods.reserve.path && Buffer.from(request).includes('666')
        ? { error: new ServiceError('INTERNAL', 'BUG', 'internal error') }
        : {},
  });
  shop.run();
  const user = await shop.buyer(20);
  await Promise.all(Array.from({ length: 5 }, () => shop.order(user, 666)));
  const others = await Promise.all(Array.from({ length: 20 }, () => shop.order(user, 1)));
  await eventually(async () => (await Promise.all(others.map(isConfirmed))).every(Boolean), 15_000);
});

test('an outage is not hammered, and what it held back arrives soon after its end', async () => {
  await open({ fate: (path) => (path.startsWith('/toy.Bank/') ? { error: unavailable } : {}) });
  shop.run();
  const user = await shop.buyer(40);
  const orders = await Promise.all(Array.from({ length: 40 }, () => shop.order(user, 1)));
  await eventually(async () => (await undelivered(databases)) === 40);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const attempts = shop.sent.filter((path) => path === methods.charge.path).length;
  expect(attempts).toBeLessThan(120);
  shop.fate = () => ({});
  await eventually(async () => (await Promise.all(orders.map(isConfirmed))).every(Boolean));
});

test('a message whose answer is lost is sent again, and has its effect once', async () => {
  let answersToLose = 4;
  await open({ fate: () => (answersToLose-- > 0 ? { lost: 'answer' } : {}) });
  shop.run();
  const user = await shop.buyer(5);
  const id = await shop.order(user, 2);
  await eventually(() => isConfirmed(id));
  const { balance } = await databases.bank.kysely
    .selectFrom('wallet')
    .select('balance')
    .where('user_id', '=', user)
    .executeTakeFirstOrThrow();
  expect(balance).toBe(3);
});
