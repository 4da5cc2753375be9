import type { SagaReply } from '@weft/proto/weft/v1/saga';
import { SagaReply as SagaReplyCodec } from '@weft/proto/weft/v1/saga';
import { defer, executeBatch, type Executor } from '../data/statement.ts';
import { uuidToBytes } from '../data/uuid.ts';
import { logTailColumns, type LogTail } from './log.ts';
import type { StepState } from './transitions.ts';
import type { Header } from './types.ts';

/** A DONE step asks the arbiter for the outcome this long after the deadline. */
export const askAfterMs = 60_000;

/** The row of one step of one saga, locked. */
export interface Fence extends LogTail {
  readonly state: StepState;
  /** How many messages about this step have come, this one included. */
  readonly seen: number;
  readonly hashOfRequest: Buffer | null;
  readonly result: Buffer | null;
}

/**
 * Finds or makes the row of a step, and locks it. The insert takes the row's exclusive lock whether it
 * inserts or not: the one form that runs races of the same message without deadlocks.
 */
export async function lockFence(tx: Executor, step: string, header: Header): Promise<Fence> {
  const sagaId = uuidToBytes(header.sagaId);
  const { rows } = await executeBatch<Fence>(tx, [
    {
      sql: `INSERT INTO saga_step
        (saga_id, step, state, seen, caller, user_id, expires_at, due_at, first_at, last_at)
        VALUES (?, ?, 'NEW', 1, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))
        ON DUPLICATE KEY UPDATE seen = seen + 1, last_at = UTC_TIMESTAMP(3)`,
      parameters: [sagaId, step, header.peer, header.userId, new Date(header.deadlineMs)],
    },
    {
      sql: `SELECT s.state, s.seen, s.req_hash AS hashOfRequest, s.result, ${logTailColumns}
        FROM saga_step s WHERE s.saga_id = ? AND s.step = ? FOR UPDATE`,
      parameters: [sagaId, sagaId, sagaId, step],
    },
  ]);
  const [fence] = rows;
  if (fence === undefined) throw new Error('the fence that was just written is gone');
  return fence;
}

/** What a step leaves behind for those who ask again. */
export interface StepRecord {
  readonly state: StepState;
  readonly hashOfRequest?: Buffer;
  readonly result?: SagaReply;
  /** Never deleted: its message does not expire, and would run again without its fence. */
  readonly forEver?: boolean;
}

/** Records a step's new state, when `tx` commits. */
export async function writeFence(
  tx: Executor,
  step: string,
  header: Header,
  record: StepRecord,
): Promise<void> {
  const { state, hashOfRequest, result, forEver = false } = record;
  // An undo or a final has no payload of its own to compare with, and keeps the step's.
  const changedAt =
    state === 'DONE' ? `expires_at + INTERVAL ${askAfterMs / 1000} SECOND` : 'UTC_TIMESTAMP(3)';
  const dueAt = forEver ? `'9999-12-31'` : changedAt;
  await defer(tx, [
    {
      sql: `UPDATE saga_step SET state = ?, req_hash = COALESCE(?, req_hash), result = COALESCE(?, result),
        due_at = ${dueAt} WHERE saga_id = ? AND step = ?`,
      parameters: [
        state,
        hashOfRequest ?? null,
        result === undefined ? null : Buffer.from(SagaReplyCodec.encode(result).finish()),
        uuidToBytes(header.sagaId),
        step,
      ],
    },
  ]);
}
