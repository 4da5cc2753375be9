import { execute, placeholders, type Executor } from '../data/statement.ts';
import { failpoint } from './failpoints.ts';

/** Default and least. */
export const defaultRetentionDays = 7;
/** Logs are kept longer than fences, so that whoever compares the two has both. */
const longerDays = 1;
const batch = 500;
const terminal = ['REFUSED', 'COMPENSATED', 'TOMBSTONE', 'COMMITTED'] as const;
/** The `due_at` of a must's fence, which is kept for ever. */
const forEver = `'9999-01-01'`;
const undelivered = (table: string) =>
  `EXISTS (SELECT 1 FROM saga_outbox o WHERE o.saga_id = ${table}.saga_id)`;

/**
 * Deletes what is over for `days`: the fences of steps in a terminal state, and a day later the logs of sagas of
 * which no such fence is left. A saga with a message that is pending or parked keeps all of it, and a step that is
 * DONE stays until it has asked the arbiter.
 *
 * The arbiter's decisions stay for ever, like the rows that they are about: a participant without a final is away
 * for as long as it is, only asks then what was decided, and must not hear that nobody knows. So UNKNOWN means lost
 * data and never age.
 *
 * A tombstone that is deleted too early would let the step that it stopped run, with nothing left to undo it: the
 * one hole in the protocol that no message closes. That cannot happen after a week: a step's message is dropped by
 * its sender, and refused by its receiver, 15 minutes after the saga's deadline (forwardExpiryMs), and the deadline
 * is before the tombstone or at most the saga's own time after it. A must has no such end, so its fence stays.
 *
 * One batch of each kind, by index, so that no lock is held for long; call it again while it answers more than 0.
 *
 * @returns How many rows it deleted.
 */
export async function deleteOld(on: Executor, days: number): Promise<number> {
  const keptDays = Math.max(defaultRetentionDays, Math.trunc(days));
  const before = (more: number) => `UTC_TIMESTAMP(3) - INTERVAL ${keptDays + more} DAY`;
  let deleted = 0;
  await failpoint('retention.before');
  for (const state of terminal) {
    const { numAffectedRows = 0n } = await execute(
      on,
      `DELETE FROM saga_step WHERE state = ? AND due_at < ${before(0)} AND NOT ${undelivered('saga_step')} LIMIT ${batch}`,
      [state],
    );
    deleted += Number(numAffectedRows);
  }
  deleted += await deleteLogs(on, before(longerDays));
  await failpoint('retention.after');
  return deleted;
}

/** A saga's log goes as a whole, when all of it is old: what is left of a chain would look like one that was cut. */
async function deleteLogs(on: Executor, before: string): Promise<number> {
  const { rows } = await execute<{ id: Buffer }>(
    on,
    // Counted, since of NOT EXISTS the optimizer makes a temporary table of everything there is.
    `SELECT DISTINCT l.saga_id AS id FROM saga_log l WHERE l.at < ${before}
      AND (SELECT MAX(y.at) FROM saga_log y WHERE y.saga_id = l.saga_id) < ${before}
      AND (SELECT COUNT(*) FROM saga_outbox o WHERE o.saga_id = l.saga_id) = 0
      AND (SELECT COUNT(*) FROM saga s WHERE s.saga_id = l.saga_id AND s.state = 'PENDING') = 0
      AND (SELECT COUNT(*) FROM saga_step f WHERE f.saga_id = l.saga_id AND f.due_at < ${forEver}) = 0
      LIMIT ${batch}`,
  );
  if (rows.length === 0) return 0;
  const ids = rows.map(({ id }) => id);
  const { numAffectedRows = 0n } = await execute(
    on,
    `DELETE FROM saga_log WHERE saga_id IN (${placeholders(ids.length)})`,
    ids,
  );
  return Number(numAffectedRows);
}
