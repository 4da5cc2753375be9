import { defer, execute, type Executor } from '../data/statement.ts';
import { bytesToUuid, uuidToBytes } from '../data/uuid.ts';
import { logTailColumns, parseTime, type LogTail } from './log.ts';

/** A clock that is set back by less is waited for. */
const clockSlackSeconds = 10;

export type Decided = 'COMMITTED' | 'ABORTED';
export type SagaState = 'PENDING' | Decided;

/** An arbiter's row of one saga, locked. */
export interface SagaRow extends LogTail {
  readonly state: SagaState;
  readonly reason: string;
  readonly userId: string;
  /** The database's time as text. */
  readonly deadline: string;
}

/** Opens a saga; answers its deadline and the time, both by the database's clock. */
export async function insertSaga(
  tx: Executor,
  saga: { readonly sagaId: string; readonly userId: string; readonly name: string },
  deadlineMs: number,
): Promise<{ deadlineMs: number; at: string }> {
  const { rows } = await execute<{ at: string }>(tx, 'SELECT CAST(UTC_TIMESTAMP(6) AS CHAR) AS at');
  const at = rows[0]?.at ?? '';
  const nowMs = Math.trunc(parseTime(at));
  const deadline = new Date(nowMs + deadlineMs);
  await defer(tx, [
    {
      sql: `INSERT INTO saga (saga_id, name, user_id, state, deadline_at, created_at)
        VALUES (?, ?, ?, 'PENDING', ?, ?)`,
      parameters: [uuidToBytes(saga.sagaId), saga.name, saga.userId, deadline, new Date(nowMs)],
    },
  ]);
  return { deadlineMs: deadline.getTime(), at };
}

/** The saga's row, locked; undefined if there is none, or if another transaction has it and `skipLocked`. */
export async function lockSaga(
  tx: Executor,
  name: string,
  sagaId: string,
  { skipLocked = false } = {},
): Promise<SagaRow | undefined> {
  const id = uuidToBytes(sagaId);
  const { rows } = await execute<SagaRow>(
    tx,
    `SELECT s.state, s.reason, s.user_id AS userId, CAST(s.deadline_at AS CHAR) AS deadline, ${logTailColumns}
      FROM saga s WHERE s.saga_id = ? AND s.name = ? FOR UPDATE ${skipLocked ? 'SKIP LOCKED' : ''}`,
    [id, id, id, name],
  );
  return rows[0];
}

export async function writeDecision(
  tx: Executor,
  sagaId: string,
  state: Decided,
  reason: string,
): Promise<void> {
  await defer(tx, [
    {
      sql: 'UPDATE saga SET state = ?, reason = ?, decided_at = UTC_TIMESTAMP(3) WHERE saga_id = ?',
      parameters: [state, reason, uuidToBytes(sagaId)],
    },
  ]);
}

/** What was decided, without locking; undefined for an unknown saga. */
export async function readDecision(
  on: Executor,
  name: string,
  sagaId: string,
): Promise<SagaState | undefined> {
  const { rows } = await execute<{ state: SagaState }>(
    on,
    'SELECT state FROM saga WHERE saga_id = ? AND name = ?',
    [uuidToBytes(sagaId), name],
  );
  return rows[0]?.state;
}

/**
 * Pending sagas whose deadline has passed by the database's clock, the oldest first; also those whose deadline is
 * further away than it ever was, since the clock was set back.
 */
export async function dueSagas(
  on: Executor,
  name: string,
  deadlineMs: number,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<string[]> {
  const { rows } = await execute<{ id: Buffer }>(
    on,
    `SELECT saga_id AS id FROM saga WHERE name = ? AND state = 'PENDING' AND (deadline_at <= UTC_TIMESTAMP(3)
      OR deadline_at > UTC_TIMESTAMP(3) + INTERVAL ? SECOND) ORDER BY deadline_at LIMIT ${limit} OFFSET ${offset}`,
    [name, Math.ceil(deadlineMs / 1000) + clockSlackSeconds],
  );
  return rows.map(({ id }) => bytesToUuid(id));
}
