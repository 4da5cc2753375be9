import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '../data/database.ts';
import { migrate } from '../data/migrations.ts';
import { execute } from '../data/statement.ts';
import { uuidToBytes, uuidv7 } from '../data/uuid.ts';
import { testDatabase } from '../testing/fixtures.ts';
import { deleteOld } from './retention.ts';

let database: Database<unknown>;

beforeAll(async () => {
  database = openDatabase(await testDatabase());
  await migrate(database, {});
});
afterAll(() => database.close());

const ago = 'UTC_TIMESTAMP(3) - INTERVAL ? DAY';
const insert = async (sql: string, parameters: readonly unknown[]) =>
  void (await execute(database.kysely, sql, parameters));

/** The fence of a step that has been in its state for so many days. */
async function step(state: string, days: number, id = uuidToBytes(uuidv7())): Promise<Buffer> {
  await insert(
    `INSERT INTO saga_step (saga_id, step, state, seen, caller, user_id, expires_at, due_at, first_at, last_at)
      VALUES (?, '/a.B/C', ?, 1, '', '', NOW(), ${days === Infinity ? "'9999-12-31'" : ago}, NOW(), NOW())`,
    days === Infinity ? [id, state] : [id, state, days],
  );
  await log(id, days === Infinity ? 30 : days);
  return id;
}

/** A saga that was decided so many days ago; never, when that is undefined. */
async function saga(days: number | undefined): Promise<Buffer> {
  const id = uuidToBytes(uuidv7());
  await insert(
    `INSERT INTO saga (saga_id, name, user_id, state, deadline_at, created_at, decided_at)
      VALUES (?, 'toy', '', ?, NOW(), NOW(), ${days === undefined ? 'NULL' : ago})`,
    days === undefined ? [id, 'PENDING'] : [id, 'COMMITTED', days],
  );
  await log(id, days ?? 30);
  return id;
}

const log = (id: Buffer, days: number, seq = 1) =>
  insert(
    `INSERT INTO saga_log (saga_id, seq, step, from_state, to_state, reason, msg_id, attempt, peer, instance, trace_id,
      at, prev_hash, hash) VALUES (?, ?, '/a.B/C', 'NEW', 'DONE', '', ?, 1, '', '', '', ${ago}, '', '')`,
    [id, seq, id, days],
  );

const message = (id: Buffer, state: string) =>
  insert(
    `INSERT INTO saga_outbox (msg_id, saga_id, target, method, kind, payload, traceparent, tracestate, actor, state,
      next_at, epoch, attempts, created_at) VALUES (?, ?, '', '', 'undo', '', '', '', '', ?, NOW(), 1, 1, NOW())`,
    [uuidToBytes(uuidv7()), id, state],
  );

const left = async (table: string) => {
  const { rows } = await execute<{ id: Buffer }>(database.kysely, `SELECT saga_id AS id FROM ${table}`);
  return rows.map(({ id }) => id.toString('hex')).toSorted();
};
const hex = (...ids: Buffer[]) => ids.map((id) => id.toString('hex')).toSorted();

test('what is over goes: fences after a week, logs a day later; decisions, what is open or undelivered never', async () => {
  for (const state of ['REFUSED', 'COMPENSATED', 'TOMBSTONE', 'COMMITTED']) await step(state, 9);
  const old = await saga(9);
  const young = await step('TOMBSTONE', 6);
  const open = await step('DONE', 30);
  const must = await step('COMMITTED', Infinity);
  const parked = await step('COMMITTED', 30);
  await message(parked, 'parked');
  const pending = await step('TOMBSTONE', 30);
  await message(pending, 'pending');
  const undecided = await saga(undefined);
  const recent = await saga(7);
  const undelivered = await saga(30);
  await message(undelivered, 'pending');
  while ((await deleteOld(database.kysely, 7)) > 0);
  expect(await left('saga_step')).toEqual(hex(young, open, must, parked, pending));
  expect(await left('saga')).toEqual(hex(old, undecided, recent, undelivered));
  // The fence of a must stays for ever, its log does not.
  expect(await left('saga_log')).toEqual(hex(young, open, parked, pending, undecided, recent, undelivered));
});

test('less than a week is a week, and more is more', async () => {
  const tombstone = await step('TOMBSTONE', 6);
  const older = await step('TOMBSTONE', 9);
  await deleteOld(database.kysely, 30);
  expect(await left('saga_step')).toEqual(expect.arrayContaining(hex(older)));
  await deleteOld(database.kysely, 1);
  const now = await left('saga_step');
  expect(now).toEqual(expect.arrayContaining(hex(tombstone)));
  expect(now).not.toEqual(expect.arrayContaining(hex(older)));
});

test('a log goes as a whole, when the last of it is old', async () => {
  const saga = uuidToBytes(uuidv7());
  await log(saga, 9);
  await log(saga, 7, 2);
  await deleteOld(database.kysely, 7);
  const rows = async () => (await left('saga_log')).filter((id) => id === saga.toString('hex')).length;
  expect(await rows()).toBe(2);
  await insert('UPDATE saga_log SET at = at - INTERVAL 2 DAY WHERE saga_id = ?', [saga]);
  await deleteOld(database.kysely, 7);
  expect(await rows()).toBe(0);
});
