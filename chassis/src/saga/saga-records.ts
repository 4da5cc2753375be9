import type { SagaEvent } from '@weft/proto/weft/v1/saga';
import type {
  SagaRecord,
  SagaRecord_Decision as Decision,
  SagaRecord_Step as Step,
} from '@weft/proto/weft/v1/saga_operations';
import type { Database } from '../data/database.ts';
import { execute, placeholders, type Executor } from '../data/statement.ts';
import { bytesToUuid, uuidToBytes } from '../data/uuid.ts';
import type { Books, Effect } from './books.ts';
import { timestamp } from './header.ts';
import { readLogs } from './log.ts';
import { messagesOf } from './queued-messages.ts';

/** A pending saga is overdue so long after its deadline: the sweeper looks every second. */
export const overdueSeconds = 5;

/** All that a service has of these sagas; those that it knows nothing of are left out. */
export async function readRecords<DB>(
  database: Database<DB>,
  workload: string,
  books: Books<DB>,
  sagaIds: readonly string[],
): Promise<SagaRecord[]> {
  if (sagaIds.length === 0) return [];
  const { kysely } = database;
  const ids = sagaIds.map(uuidToBytes);
  const messages = Map.groupBy(await messagesOf(kysely, ids), (each) => bytesToUuid(each.sagaId));
  const decisions = await readDecisions(kysely, ids);
  const steps = Map.groupBy(await readSteps(kysely, ids), ([id]) => id);
  const logs = await readLogs(kysely, sagaIds, workload);
  const effects = byId((await books.effects?.(kysely, sagaIds)) ?? []);
  const expected = byId((await books.expected?.(kysely, sagaIds)) ?? []);
  return sagaIds.flatMap((id) => {
    const log: { events: SagaEvent[]; brokenAt: number } = logs.get(id) ?? { events: [], brokenAt: 0 };
    const record: SagaRecord = {
      sagaId: uuidToBytes(id),
      decision: decisions.get(id),
      steps: steps.get(id)?.map(([, step]) => step) ?? [],
      messages: messages.get(id) ?? [],
      ...log,
      effects: effects.get(id) ?? [],
      expected: expected.get(id) ?? [],
    };
    const { decision, events } = record;
    const known = [record.steps, record.messages, events, record.effects, record.expected];
    return decision === undefined && known.every((part) => part.length === 0) ? [] : [record];
  });
}

async function readDecisions(on: Executor, ids: readonly Buffer[]): Promise<Map<string, Decision>> {
  const { rows } = await execute<{
    id: Buffer;
    saga: string;
    state: string;
    reason: string;
    userId: string;
    createdAt: Date;
    deadline: Date;
    decidedAt: Date | null;
    overdue: number;
  }>(
    on,
    `SELECT saga_id AS id, name AS saga, state, reason, user_id AS userId, created_at AS createdAt,
      deadline_at AS deadline, decided_at AS decidedAt,
      state = 'PENDING' AND deadline_at < UTC_TIMESTAMP(3) - INTERVAL ${overdueSeconds} SECOND AS overdue
      FROM saga WHERE saga_id IN (${placeholders(ids.length)})`,
    ids,
  );
  return new Map(
    rows.map(({ id, createdAt, deadline, decidedAt, overdue, ...row }) => [
      bytesToUuid(id),
      {
        ...row,
        createTime: timestamp(createdAt.getTime()),
        deadline: timestamp(deadline.getTime()),
        decideTime: decidedAt === null ? undefined : timestamp(decidedAt.getTime()),
        overdue: Number(overdue) === 1,
      },
    ]),
  );
}

/** In one statement, so that a step and its log are of one moment. */
async function readSteps(on: Executor, ids: readonly Buffer[]): Promise<[id: string, Step][]> {
  const { rows } = await execute<
    Omit<Step, 'firstTime' | 'lastTime' | 'loggedState'> & {
      id: Buffer;
      firstAt: Date;
      lastAt: Date;
      logged: string | null;
    }
  >(
    on,
    `SELECT s.saga_id AS id, s.step, s.state, s.seen, s.asked, s.caller, s.first_at AS firstAt, s.last_at AS lastAt,
      (SELECT l.to_state FROM saga_log l WHERE l.saga_id = s.saga_id AND l.step = s.step
        ORDER BY l.seq DESC LIMIT 1) AS logged
      FROM saga_step s WHERE s.saga_id IN (${placeholders(ids.length)}) ORDER BY s.first_at, s.step`,
    ids,
  );
  return rows.map(({ id, firstAt, lastAt, logged, step, ...row }) => [
    bytesToUuid(id),
    {
      ...row,
      step: step.slice(1),
      firstTime: timestamp(firstAt.getTime()),
      lastTime: timestamp(lastAt.getTime()),
      // A message that no state allows leaves a fence and no transition.
      loggedState: logged ?? 'NEW',
    },
  ]);
}

function byId(effects: readonly Effect[]): Map<string, SagaRecord['effects']> {
  const grouped = Map.groupBy(effects, ({ sagaId }) => sagaId);
  return new Map(
    [...grouped].map(([id, all]) => [id, all.map(({ kind, key, amount }) => ({ kind, key, amount }))]),
  );
}
