import { expect, test } from '@jest/globals';
import { openDatabase } from '../data/database.ts';
import { migrate } from '../data/migrations.ts';
import { execute } from '../data/statement.ts';
import { uuidToBytes, uuidv7 } from '../data/uuid.ts';
import { testDatabase } from '../testing/fixtures.ts';
import { deleteOld } from './retention.ts';

test('fences go a week after their end, those that have not ended or whose saga is parked never', async () => {
  const database = openDatabase(await testDatabase());
  await migrate(database, {});
  const step = async (state: string, days: number) => {
    const id = uuidToBytes(uuidv7());
    await execute(
      database.kysely,
      `INSERT INTO saga_step (saga_id, step, state, seen, caller, user_id, expires_at, due_at, first_at, last_at)
        VALUES (?, '/a.B/C', ?, 1, '', '', NOW(), UTC_TIMESTAMP(3) - INTERVAL ? DAY, NOW(), NOW())`,
      [id, state, days],
    );
    return id;
  };
  for (const state of ['REFUSED', 'COMPENSATED', 'TOMBSTONE', 'COMMITTED']) await step(state, 8);
  const young = await step('TOMBSTONE', 6);
  const open = await step('DONE', 30);
  const parked = await step('COMMITTED', 30);
  await execute(
    database.kysely,
    `INSERT INTO saga_outbox (msg_id, saga_id, target, method, kind, payload, traceparent, tracestate, actor, state,
      next_at, epoch, attempts, created_at) VALUES (?, ?, '', '', 'undo', '', '', '', '', 'parked', NOW(), 1, 1, NOW())`,
    [uuidToBytes(uuidv7()), parked],
  );
  expect(await deleteOld(database.kysely, 7)).toBe(4);
  const { rows } = await execute<{ id: Buffer }>(database.kysely, 'SELECT saga_id AS id FROM saga_step');
  const hex = (ids: Buffer[]) => ids.map((id) => id.toString('hex')).toSorted();
  expect(hex(rows.map((row) => row.id))).toEqual(hex([young, open, parked]));
  await database.close();
});
