import { context, propagation, type Context } from '@opentelemetry/api';
import { defer, execute, placeholders, type Executor } from '../data/statement.ts';
import { uuidToBytes } from '../data/uuid.ts';
import { messageId } from './header.ts';

/** How long whoever inserts or claims a row has it for itself. */
export const leaseMs = 5_000;

/** The `last_code` of a message that an operator has sent again, until its next attempt has failed. */
export const redrivenCode = 'REDRIVEN';

/** `step` goes forward and expires (a refusal's report too); the others carry a decision and never do. */
export type OutboxKind = 'step' | 'undo' | 'final' | 'must';

/** A message to be queued in a transaction. */
export interface OutgoingMessage {
  readonly sagaId: string;
  /** The step it is about. */
  readonly step: string;
  /** The method that receives it. */
  readonly path: string;
  readonly kind: OutboxKind;
  readonly payload: Uint8Array;
  /** The user on whose behalf the saga runs. */
  readonly actor: string;
  /** From now on, by this database's clock alone. Absent: it never expires. */
  readonly expiresInMs?: number;
}

/** A row of the outbox in the hands of one relay, which may send it until `leaseEndsMs`. */
export interface OutboxRow {
  readonly msgId: Buffer;
  readonly sagaId: Buffer;
  readonly target: string;
  readonly method: string;
  readonly kind: OutboxKind;
  readonly state: 'pending' | 'parked';
  readonly payload: Uint8Array;
  readonly traceparent: string;
  readonly tracestate: string;
  readonly epoch: number;
  readonly attempts: number;
  readonly ageMs: number;
  readonly expired: boolean;
  /** An operator has sent it again. */
  readonly redriven?: boolean;
  /** On this process's monotonic clock. */
  readonly leaseEndsMs: number;
  /** The trace it was queued in, when this process has just committed it. */
  readonly context?: Context;
}

/** Queues messages when `tx` commits, born leased to the caller, who sends them then. */
export async function insertMessages(
  tx: Executor,
  messages: readonly OutgoingMessage[],
): Promise<OutboxRow[]> {
  if (messages.length === 0) return [];
  const leaseEndsMs = performance.now() + leaseMs;
  const carrier: { traceparent?: string; tracestate?: string } = {};
  propagation.inject(context.active(), carrier);
  const { traceparent = '', tracestate = '' } = carrier;
  const rows = messages.map((message): OutboxRow => ({
    msgId: messageId(message.sagaId, message.step, message.path),
    sagaId: uuidToBytes(message.sagaId),
    target: serviceOf(message.path),
    method: message.path,
    kind: message.kind,
    state: 'pending',
    payload: message.payload,
    traceparent,
    tracestate: tracestate.length <= 512 ? tracestate : '',
    epoch: 1,
    attempts: 0,
    ageMs: 0,
    expired: false,
    leaseEndsMs,
    context: context.active(),
  }));
  const values = rows
    .map(
      () =>
        `(${placeholders(9)}, 'pending', UTC_TIMESTAMP(3) + INTERVAL ? SECOND,
          UTC_TIMESTAMP(3) + INTERVAL ? SECOND, 1, 0, UTC_TIMESTAMP(3))`,
    )
    .join(', ');
  await defer(tx, [
    {
      sql: `INSERT INTO saga_outbox (msg_id, saga_id, target, method, kind, payload, traceparent, tracestate,
        actor, state, next_at, expires_at, epoch, attempts, created_at) VALUES ${values}`,
      parameters: rows.flatMap((row, i) => {
        const { actor, expiresInMs } = messages[i] as OutgoingMessage;
        return [
          row.msgId,
          row.sagaId,
          row.target,
          row.method,
          row.kind,
          Buffer.from(row.payload),
          row.traceparent,
          row.tracestate,
          actor,
          leaseMs / 1000,
          expiresInMs === undefined ? null : expiresInMs / 1000,
        ];
      }),
    },
  ]);
  return rows;
}

/**
 * What may be tried now. A pending row waits for 30 s at most (the longest pause), so one that waits for longer was
 * written before the database's clock was set back, and would wait for as long as that was.
 */
const due = `(next_at <= UTC_TIMESTAMP(3) OR (state = 'pending' AND next_at > UTC_TIMESTAMP(3) + INTERVAL 60 SECOND))`;

/** Takes back a message that was not delivered yet. One that is on its way arrives all the same. */
export async function takeBack(tx: Executor, sagaId: string, path: string): Promise<void> {
  await defer(tx, [
    { sql: 'DELETE FROM saga_outbox WHERE msg_id = ?', parameters: [messageId(sagaId, path, path)] },
  ]);
}

/**
 * Claims up to `limit` due rows of one target: no other relay has them for the lease. Rows that another
 * one is claiming at this moment are passed over. Never by `id > cursor`, which loses rows when commits
 * are reordered. Parked rows only take the room that pending ones leave.
 */
export async function claim(tx: Executor, target: string, limit: number): Promise<OutboxRow[]> {
  const leaseEndsMs = performance.now() + leaseMs;
  const rows = await lockDue(tx, target, 'pending', limit);
  if (rows.length < limit) rows.push(...(await lockDue(tx, target, 'parked', limit - rows.length)));
  if (rows.length === 0) return [];
  await defer(tx, [
    {
      sql: `UPDATE saga_outbox SET epoch = epoch + 1, next_at = UTC_TIMESTAMP(3) + INTERVAL ? SECOND
        WHERE msg_id IN (${placeholders(rows.length)})`,
      parameters: [leaseMs / 1000, ...rows.map((row) => row.msgId)],
    },
  ]);
  return rows.map(({ ageUs, ...row }) => ({
    ...row,
    epoch: Number(row.epoch),
    ageMs: Number(ageUs) / 1000,
    expired: Number(row.expired) === 1,
    redriven: Number(row.redriven) === 1,
    leaseEndsMs,
  }));
}

type DueRow = Omit<OutboxRow, 'expired' | 'redriven' | 'leaseEndsMs' | 'ageMs'> & {
  expired: number;
  redriven: number;
  ageUs: string;
};

/** Without ORDER BY it follows the index, oldest first, and locks no row beyond the limit. */
async function lockDue(
  tx: Executor,
  target: string,
  state: OutboxRow['state'],
  limit: number,
): Promise<DueRow[]> {
  const { rows } = await execute<DueRow>(
    tx,
    `SELECT msg_id AS msgId, saga_id AS sagaId, target, method, kind, state, payload, traceparent, tracestate,
      epoch + 1 AS epoch, attempts, TIMESTAMPDIFF(MICROSECOND, created_at, UTC_TIMESTAMP(3)) AS ageUs,
      COALESCE(expires_at <= UTC_TIMESTAMP(3), 0) AS expired, last_code = ? AS redriven
      FROM saga_outbox WHERE target = ? AND state = ? AND ${due}
      LIMIT ${Math.trunc(limit)} FOR UPDATE SKIP LOCKED`,
    [redrivenCode, target, state],
  );
  return rows;
}

/** Those of `targets` that have a row due. */
export async function dueTargets(on: Executor, targets: readonly string[]): Promise<string[]> {
  if (targets.length === 0) return [];
  const one = `SELECT ? AS target FROM DUAL WHERE EXISTS (SELECT 1 FROM saga_outbox
    WHERE target = ? AND state IN ('pending', 'parked') AND ${due})`;
  const { rows } = await execute<{ target: string }>(
    on,
    targets.map(() => one).join(' UNION ALL '),
    targets.flatMap((target) => [target, target]),
  );
  return rows.map((row) => row.target);
}

/** Deletes delivered rows, unless another relay has claimed them since. */
export async function deleteDelivered(on: Executor, rows: readonly OutboxRow[]): Promise<void> {
  await execute(
    on,
    `DELETE FROM saga_outbox WHERE msg_id IN (${placeholders(rows.length)})
      AND (msg_id, epoch) IN (${placeholders(rows.length, 2)})`,
    [...rows.map((row) => row.msgId), ...rows.flatMap((row) => [row.msgId, row.epoch])],
  );
}

/** What follows from a failed attempt. */
export interface Verdict {
  readonly state: 'pending' | 'parked';
  /** Absent: not by itself; one that expires is dropped then. */
  readonly delayMs?: number;
}

/** Records a failed attempt, unless another relay has claimed the row since. */
export async function recordFailure(
  on: Executor,
  row: OutboxRow,
  verdict: Verdict,
  failure: { readonly code: string; readonly message: string },
): Promise<void> {
  const next =
    verdict.delayMs === undefined
      ? `COALESCE(expires_at, '9999-12-31')`
      : 'UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND';
  await execute(
    on,
    `UPDATE saga_outbox SET epoch = epoch + 1, attempts = attempts + 1, state = ?, next_at = ${next},
      last_code = ?, last_error = ? WHERE msg_id = ? AND epoch = ?`,
    [
      verdict.state,
      ...(verdict.delayMs === undefined ? [] : [Math.round(verdict.delayMs * 1000)]),
      failure.code,
      failure.message.slice(0, 255),
      row.msgId,
      row.epoch,
    ],
  );
}

/**
 * Brings forward, to within the next second, what an outage of `target` has put off. Rows that may be
 * leased (due within the lease) are left alone.
 */
export async function bringForward(on: Executor, target: string): Promise<void> {
  await execute(
    on,
    `UPDATE saga_outbox SET next_at = UTC_TIMESTAMP(3) + INTERVAL FLOOR(RAND() * 1000000) MICROSECOND
      WHERE target = ? AND state = 'pending' AND next_at > UTC_TIMESTAMP(3) + INTERVAL ? SECOND
      AND last_code IN ('UNAVAILABLE', 'DEADLINE_EXCEEDED')`,
    [target, leaseMs / 1000],
  );
}

/** `shop.catalog.v1.StockService` of `/shop.catalog.v1.StockService/Reserve`. */
export function serviceOf(path: string): string {
  return path.slice(1, path.indexOf('/', 1));
}
