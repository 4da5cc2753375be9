import { execute, type Executor } from '../data/statement.ts';
import { failpoint } from './failpoints.ts';

/** Default and least. */
export const defaultRetentionDays = 7;
/** The arbiter keeps its decisions longer than participants keep their fences: whoever still asks gets an answer. */
const longerDays = 1;
const batch = 500;
const terminal = ['REFUSED', 'COMPENSATED', 'TOMBSTONE', 'COMMITTED'] as const;
/** The `due_at` of a must's fence, which is kept for ever. */
const forEver = `'9999-01-01'`;
const undelivered = (table: string) =>
  `EXISTS (SELECT 1 FROM saga_outbox o WHERE o.saga_id = ${table}.saga_id)`;

/**
 * Deletes what is over for `days`: the fences of steps in a terminal state, a day later the arbiter's decided
 * sagas, and then the logs of sagas of which neither is left. A saga with a message that is pending or parked
 * keeps all of it, and a step that is DONE stays until it has asked the arbiter.
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
  const statements: (readonly [string, readonly string[]])[] = [
    ...terminal.map(
      (state) =>
        [
          `DELETE FROM saga_step WHERE state = ? AND due_at < ${before(0)} AND NOT ${undelivered('saga_step')} LIMIT ${batch}`,
          [state],
        ] as const,
    ),
    [
      `DELETE FROM saga WHERE decided_at < ${before(longerDays)} AND NOT ${undelivered('saga')} LIMIT ${batch}`,
      [],
    ],
    [
      `DELETE FROM saga_log WHERE at < ${before(longerDays)} AND NOT ${undelivered('saga_log')}
        AND NOT EXISTS (SELECT 1 FROM saga s WHERE s.saga_id = saga_log.saga_id)
        AND NOT EXISTS (SELECT 1 FROM saga_step f WHERE f.saga_id = saga_log.saga_id AND f.due_at < ${forEver})
        LIMIT ${batch}`,
      [],
    ],
  ];
  let deleted = 0;
  await failpoint('retention.before');
  for (const [sql, parameters] of statements)
    deleted += Number((await execute(on, sql, parameters)).numAffectedRows ?? 0);
  await failpoint('retention.after');
  return deleted;
}
