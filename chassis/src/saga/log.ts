import { createHash } from 'node:crypto';
import { trace } from '@opentelemetry/api';
import type { SagaEvent } from '@weft/proto/weft/v1/saga';
import { defer, execute, placeholders, type Executor } from '../data/statement.ts';
import { bytesToUuid, uuidToBytes } from '../data/uuid.ts';
import { timestamp } from './header.ts';

/** The end of a saga's log, and the database's time, as read with the row that the transaction locks. */
export interface LogTail {
  readonly seq: number | null;
  readonly hash: Buffer | null;
  /** `2025-01-31 12:00:00.123456`. */
  readonly at: string;
}

/** The columns of a LogTail; each takes the saga's id as its parameter but the last. */
export const logTailColumns = `
  (SELECT l.seq FROM saga_log l WHERE l.saga_id = ? ORDER BY l.seq DESC LIMIT 1) AS seq,
  (SELECT l.hash FROM saga_log l WHERE l.saga_id = ? ORDER BY l.seq DESC LIMIT 1) AS hash,
  CAST(UTC_TIMESTAMP(6) AS CHAR) AS at`;

export interface LogEntry {
  readonly sagaId: string;
  readonly step: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  readonly messageId: Buffer;
  readonly attempt: number;
  readonly peer: string;
  readonly instance: string;
}

const noHash = Buffer.alloc(32);

/**
 * Appends one transition, when `tx` commits. `hash` covers the row and the hash before it, so a row changed or taken out
 * later is found by {@link brokenLink}. Two transactions that append to one saga at once would fork the
 * chain: the later one is run again.
 */
export async function appendLog(tx: Executor, entry: LogEntry, tail: LogTail): Promise<void> {
  const seq = Number(tail.seq ?? 0) + 1;
  const previous = tail.hash ?? noHash;
  const { sagaId, step, from, to, reason, messageId, attempt, peer, instance } = entry;
  const traceId = trace.getActiveSpan()?.spanContext().traceId ?? '';
  const values = [seq, step, from, to, reason, messageId, attempt, peer, instance, traceId, tail.at];
  await defer(
    tx,
    [
      {
        sql: `INSERT INTO saga_log (saga_id, seq, step, from_state, to_state, reason, msg_id, attempt, peer,
          instance, trace_id, at, prev_hash, hash) VALUES (${placeholders(14)})`,
        parameters: [uuidToBytes(sagaId), ...values, previous, linkHash(previous, sagaId, values)],
      },
    ],
    { rerunOnDuplicate: true },
  );
}

interface LogRow {
  readonly saga_id: Buffer;
  readonly seq: number;
  readonly step: string;
  readonly from_state: string;
  readonly to_state: string;
  readonly reason: string;
  readonly msg_id: Buffer;
  readonly attempt: number;
  readonly peer: string;
  readonly instance: string;
  readonly trace_id: string;
  readonly at: string;
  readonly prev_hash: Buffer;
  readonly hash: Buffer;
}

/** A saga's events in this service, oldest first. */
export async function readEvents(on: Executor, sagaId: string, service: string): Promise<SagaEvent[]> {
  return (await readLogs(on, [sagaId], service)).get(sagaId)?.events ?? [];
}

/**
 * The logs of sagas in this service, by id, those that have one. `brokenAt` is the number of the first row that
 * does not fit the one before it; 0 if all do.
 */
export async function readLogs(
  on: Executor,
  sagaIds: readonly string[],
  service: string,
): Promise<Map<string, { events: SagaEvent[]; brokenAt: number }>> {
  const logs = Map.groupBy(await readRows(on, sagaIds), (row) => bytesToUuid(row.saga_id));
  return new Map(
    [...logs].map(([id, rows]) => [
      id,
      { events: rows.map((row) => event(row, service)), brokenAt: brokenAt(id, rows) },
    ]),
  );
}

/** The number of the first row of a saga's log that does not fit the one before it; undefined if all do. */
export async function brokenLink(on: Executor, sagaId: string): Promise<number | undefined> {
  const at = brokenAt(sagaId, await readRows(on, [sagaId]));
  return at === 0 ? undefined : at;
}

function brokenAt(sagaId: string, rows: readonly LogRow[]): number {
  let previous: Buffer = noHash;
  let seq = 1;
  for (const row of rows) {
    const values = [row.seq, row.step, row.from_state, row.to_state, row.reason, row.msg_id, row.attempt];
    const hash = linkHash(previous, sagaId, [...values, row.peer, row.instance, row.trace_id, row.at]);
    if (row.seq !== seq || !row.prev_hash.equals(previous) || !row.hash.equals(hash)) return seq;
    previous = row.hash;
    seq++;
  }
  return 0;
}

function event(row: LogRow, service: string): SagaEvent {
  return {
    service,
    step: row.step.slice(1),
    fromState: row.from_state,
    toState: row.to_state,
    reason: row.reason,
    peer: row.peer,
    instance: row.instance,
    traceId: row.trace_id,
    time: timestamp(parseTime(row.at)),
  };
}

/** Unix milliseconds, with their fraction, of the database's time as text. */
export function parseTime(at: string): number {
  const [seconds = '', fraction = '0'] = at.split('.');
  return Date.parse(`${seconds.replace(' ', 'T')}Z`) + Number(`0.${fraction}`) * 1000;
}

async function readRows(on: Executor, sagaIds: readonly string[]): Promise<LogRow[]> {
  const { rows } = await execute<LogRow>(
    on,
    `SELECT saga_id, seq, step, from_state, to_state, reason, msg_id, attempt, peer, instance, trace_id,
      CAST(at AS CHAR) AS at, prev_hash, hash FROM saga_log WHERE saga_id IN (${placeholders(sagaIds.length)})
      ORDER BY saga_id, seq`,
    sagaIds.map(uuidToBytes),
  );
  return rows;
}

function linkHash(previous: Buffer, sagaId: string, values: readonly (string | number | Buffer)[]): Buffer {
  const fields = values.map((value) => (Buffer.isBuffer(value) ? value.toString('hex') : value));
  return createHash('sha256')
    .update(JSON.stringify([previous.toString('hex'), sagaId, ...fields]))
    .digest();
}
