import { execute, type Executor } from '../data/statement.ts';
import { failpoint } from './failpoints.ts';

const keepDays = 7;
const batch = 500;
const terminal = ['REFUSED', 'COMPENSATED', 'TOMBSTONE', 'COMMITTED'] as const;

/**
 * Deletes the fences of steps that have been in a terminal state for a week, unless a message of their
 * saga is parked. A week is far more than the 15 minutes after which no step may come any more: a
 * tombstone deleted while one still may would let that step run, and nothing would undo it. The log stays.
 *
 * @returns How many it deleted; up to 500 of each state.
 */
export async function deleteOldSteps(on: Executor): Promise<number> {
  let deleted = 0;
  await failpoint('retention.before');
  for (const state of terminal) {
    const { numAffectedRows } = await execute(
      on,
      `DELETE FROM saga_step WHERE state = ? AND due_at < UTC_TIMESTAMP(3) - INTERVAL ${keepDays} DAY
        AND NOT EXISTS (SELECT 1 FROM saga_outbox o WHERE o.saga_id = saga_step.saga_id AND o.state = 'parked')
        LIMIT ${batch}`,
      [state],
    );
    deleted += Number(numAffectedRows ?? 0);
  }
  await failpoint('retention.after');
  return deleted;
}
