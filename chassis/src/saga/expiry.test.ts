import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { SagaReply_Outcome as Outcome } from '@weft/proto/weft/v1/saga';
import { execute, type Executor } from '../data/statement.ts';
import { uuidToBytes } from '../data/uuid.ts';
import { ServiceError } from '../errors.ts';
import { eventually } from '../testing/eventually.ts';
import { writeHeader } from './header.ts';
import { methods } from './toy-contract.test.support.ts';
import { toyDatabases, totals, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop, type Fate } from './toy-shop.test.support.ts';

jest.setTimeout(30_000);

const minuteMs = 60_000;
let databases: ToyDatabases;
let shop: ToyShop;

beforeAll(async () => {
  databases = await toyDatabases();
});
afterEach(async () => {
  await shop.stop();
  for (const on of [databases.office, databases.store]) await execute(on.kysely, 'DELETE FROM saga_outbox');
});
afterAll(() => databases.close());

/** A shop in which some methods are not reached. */
async function open(fates: Record<string, Fate>): Promise<ToyShop> {
  shop = new ToyShop(databases, { fate: (path) => fates[path] ?? {} });
  await shop.stock(10);
  shop.run();
  return shop;
}

const lost: Fate = { lost: 'request' };

/** The order's reservation as it comes to a store whose clock says that its deadline was `agoMs` ago. */
const reserve = async (sagaId: string, agoMs: number) =>
  shop.call(methods.reserve, {
    saga: writeHeader({ sagaId, userId: await shop.buyer(5), deadlineMs: Date.now() - agoMs }),
    step: '',
    reason: '3',
  });

const fences = async (sagaId: string) =>
  (await execute(databases.store.kysely, 'SELECT 1 FROM saga_step WHERE saga_id = ?', [uuidToBytes(sagaId)]))
    .rows.length;

test('a step runs however far the clock is ahead, while the arbiter has not decided', async () => {
  await open({ [methods.reserve.path]: lost, [methods.charge.path]: lost });
  const id = await shop.order(await shop.buyer(5), 3);
  expect(await reserve(id, 365 * 24 * 60 * minuteMs)).toMatchObject({ outcome: Outcome.DONE });
  expect(await totals(databases)).toMatchObject({ available: 7, reserved: 3 });
});

test('a step that comes after its saga was decided and its tombstone was deleted does not run', async () => {
  await open({ [methods.reserve.path]: lost });
  const id = await shop.order(await shop.buyer(5), 3);
  await shop.cancel(id);
  await eventually(async () => (await fences(id)) === 1);
  await execute(databases.store.kysely, 'DELETE FROM saga_step WHERE saga_id = ?', [uuidToBytes(id)]);
  expect(await reserve(id, 16 * minuteMs)).toEqual({ outcome: Outcome.CANCELLED, reason: 'EXPIRED' });
  expect(await totals(databases)).toMatchObject({ available: 10, reserved: 0 });
  expect(await fences(id)).toBe(0);
});

test('a late step waits for an arbiter that does not answer, and leaves no trace', async () => {
  const away: Fate = { error: new ServiceError('UNAVAILABLE', 'DOWN', 'down') };
  await open({ [methods.reserve.path]: lost, [methods.outcome.path]: away });
  const id = await shop.order(await shop.buyer(5), 3);
  await expect(reserve(id, 16 * minuteMs)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await fences(id)).toBe(0);
});

test('a message expires by the clock of the database that queued it, whatever its deadline says', async () => {
  await open({ [methods.reserve.path]: lost, [methods.charge.path]: lost });
  const id = await shop.order(await shop.buyer(5), 3);
  await reserve(id, 10 * minuteMs);
  const left = async (on: Executor) =>
    (
      await execute<{ ms: string }>(
        on,
        'SELECT TIMESTAMPDIFF(MICROSECOND, created_at, expires_at) / 1000 AS ms FROM saga_outbox',
      )
    ).rows.map(({ ms }) => Number(ms));
  expect(await left(databases.office.kysely)).toEqual([15.5 * minuteMs]);
  expect(await left(databases.store.kysely)).toEqual([15.5 * minuteMs]);
});

test('a step that is parked is dropped when it expires', async () => {
  await open({ [methods.reserve.path]: { error: new ServiceError('INVALID_ARGUMENT', 'POISON', 'bad') } });
  await shop.order(await shop.buyer(5), 3);
  const { kysely } = databases.office;
  const parked = 'SELECT expires_at = next_at AS tried FROM saga_outbox WHERE state = ?';
  const rows = async () =>
    (await execute<{ tried: number | string }>(kysely, parked, ['parked'])).rows.map(({ tried }) =>
      Number(tried),
    );
  await eventually(async () => (await rows()).length === 1);
  expect(await rows()).toEqual([1]);
  const sent = shop.sent.length;
  await execute(kysely, 'UPDATE saga_outbox SET expires_at = UTC_TIMESTAMP(3), next_at = UTC_TIMESTAMP(3)');
  await eventually(async () => (await rows()).length === 0);
  expect(shop.sent.length).toBe(sent);
});

test('a pending saga does not wait for a clock that was set back', async () => {
  await open({ [methods.reserve.path]: { error: new ServiceError('UNAVAILABLE', 'DOWN', 'down') } });
  const id = await shop.order(await shop.buyer(5), 3);
  const later = 'UPDATE saga SET deadline_at = deadline_at + INTERVAL ? SECOND WHERE saga_id = ?';
  await execute(databases.office.kysely, later, [3_600, uuidToBytes(id)]);
  await eventually(async () => (await shop.status(id)) === 'REJECTED DEADLINE_EXCEEDED');
});
