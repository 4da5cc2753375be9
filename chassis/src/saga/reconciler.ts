import { SagaOutcome_Decision as Decision } from '@weft/proto/weft/v1/saga';
import { execute, placeholders, type Executor } from '../data/statement.ts';
import { bytesToUuid } from '../data/uuid.ts';
import { failpoint } from './failpoints.ts';
import { countAlarm } from './metrics.ts';
import { askOutcome } from './outcome.ts';
import type { Participant } from './participant.ts';
import type { SagaParts } from './parts.ts';
import { receive } from './receive.ts';
import type { Header } from './types.ts';

const batch = 64;
const atOnce = 8;
const firstPauseSeconds = 60;
const mostDoublings = 6;

interface DueStep {
  readonly sagaId: Buffer;
  readonly step: string;
  readonly caller: string;
  readonly userId: string;
  readonly deadline: Date;
  readonly asked: number;
}

/**
 * The second way to converge: a step that is DONE a minute after its saga's deadline asks the arbiter
 * what was decided, and follows it. Asked again after 1, 2, 4 … 64 minutes. A saga that the arbiter
 * does not know raises an alarm and is never released by itself: its arbiter may have lost data.
 *
 * A step that has no final converges in no other way, so this must keep up with all of them.
 *
 * @returns How many it asked about, and whether there may be more: not while the arbiter is away.
 */
export async function reconcile<DB>(
  parts: SagaParts<DB>,
  participant: Participant<DB>,
): Promise<{ readonly asked: number; readonly more: boolean }> {
  const due = await parts.database.transaction((tx) => claimDue(tx));
  if (due.length > 0) await failpoint('ask.before');
  const left = due.values();
  let failures = 0;
  const ask = async () => {
    for (const row of left) {
      const { step, userId, deadline } = row;
      const sagaId = bytesToUuid(row.sagaId);
      const header: Header = { sagaId, userId, deadlineMs: deadline.getTime(), peer: parts.workload };
      try {
        await follow(parts, participant, step, header);
      } catch (error) {
        failures++;
        parts.logger.warn({ sagaId, step, err: error }, 'the outcome of a saga is not known yet');
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, ask));
  return { asked: due.length, more: due.length === batch && failures < batch / 2 };
}

async function follow<DB>(
  parts: SagaParts<DB>,
  participant: Participant<DB>,
  step: string,
  header: Header,
): Promise<void> {
  const role = participant.roles.get(step);
  if (role === undefined) throw new Error(`this service has no step ${step} any more`);
  const decision = await askOutcome(parts, role.outcomePath, header);
  await failpoint('ask.after', step);
  switch (decision) {
    case Decision.COMMITTED:
      await receive(parts, participant.finalMessage(step, role.outcomePath, header));
      break;
    case Decision.ABORTED:
      await receive(parts, participant.undoMessage(step, role.outcomePath, header));
      break;
    case Decision.PENDING:
      break;
    case Decision.UNKNOWN:
    case Decision.DECISION_UNSPECIFIED:
      countAlarm('unknown-saga');
      parts.logger.error(
        { alarm: true, sagaId: header.sagaId, step },
        'the arbiter does not know a saga: left as it is',
      );
  }
}

/** Takes due steps, and puts each off so that no other instance asks at the same time. */
async function claimDue(tx: Executor): Promise<DueStep[]> {
  const { rows } = await execute<DueStep>(
    tx,
    `SELECT saga_id AS sagaId, step, caller, user_id AS userId, expires_at AS deadline, asked FROM saga_step
      WHERE state = 'DONE' AND due_at <= UTC_TIMESTAMP(3) LIMIT ${batch} FOR UPDATE SKIP LOCKED`,
  );
  if (rows.length === 0) return [];
  await execute(
    tx,
    // Assignments run from left to right: the pause is that of the times asked before.
    `UPDATE saga_step SET due_at = UTC_TIMESTAMP(3) + INTERVAL ? * POW(2, LEAST(asked, ?)) SECOND,
      asked = asked + 1
      WHERE (saga_id, step) IN (${placeholders(rows.length, 2)})`,
    [firstPauseSeconds, mostDoublings, ...rows.flatMap((row) => [row.sagaId, row.step])],
  );
  return rows;
}
