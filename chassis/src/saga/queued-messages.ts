import type { ListMessagesRequest, QueuedMessage } from '@weft/proto/weft/v1/saga_operations';
import { invalidArgument } from '../errors.ts';
import { execute, placeholders, type Executor } from '../data/statement.ts';
import { decodePageToken, encodePageToken, pageSize } from '../resource/page.ts';
import { timestamp } from './header.ts';
import { redrivenCode } from './outbox.ts';

interface MessageRow {
  readonly msgId: Buffer;
  readonly sagaId: Buffer;
  readonly method: string;
  readonly kind: string;
  readonly state: string;
  readonly attempts: number;
  readonly code: string;
  readonly error: string;
  readonly createdAt: Date;
  readonly nextAt: Date;
  readonly expiresAt: Date | null;
}

const columns = `msg_id AS msgId, saga_id AS sagaId, method, kind, state, attempts, last_code AS code,
  last_error AS error, created_at AS createdAt, next_at AS nextAt, expires_at AS expiresAt`;

/** A `next_at` in that year means never by itself. */
const neverMs = Date.UTC(9999, 0);

/** At most so many are sent again by one call. */
export const redriveLimit = 1_000;

/** Which of the parked messages an operator means. */
export type Which =
  | { readonly $case: 'sagaId' | 'messageId'; readonly value: Buffer }
  | { readonly $case: 'target'; readonly value: string };

/** The messages of these sagas that are not delivered yet. */
export async function messagesOf(on: Executor, sagaIds: readonly Buffer[]): Promise<QueuedMessage[]> {
  const { rows } = await execute<MessageRow>(
    on,
    `SELECT ${columns} FROM saga_outbox WHERE saga_id IN (${placeholders(sagaIds.length)})`,
    sagaIds,
  );
  return rows.map(message);
}

/**
 * A page of the outbox in one state, by target and time of the next attempt (saga_outbox_due). `targets` are those
 * that the contract knows.
 */
export async function listMessages(
  on: Executor,
  request: ListMessagesRequest,
  targets: readonly string[],
): Promise<{ messages: QueuedMessage[]; nextPageToken: string }> {
  const state = request.state === '' ? 'parked' : request.state;
  if (!['parked', 'pending'].includes(state))
    throw invalidArgument({ field: 'state', description: 'must be parked or pending' });
  const limit = pageSize(request.pageSize);
  const scope = [state, request.target];
  const cursor = decodePageToken(request.pageToken, scope);
  const [from, afterMs = '', afterId = ''] = cursor?.split(' ') ?? [];
  const wanted = (request.target === '' ? targets.toSorted() : [request.target]).filter(
    (target) => from === undefined || target >= from,
  );
  const rows: (MessageRow & { target: string })[] = [];
  for (const target of wanted) {
    if (rows.length > limit) break;
    const after =
      target === from
        ? [new Date(Number(afterMs)), new Date(Number(afterMs)), Buffer.from(afterId, 'hex')]
        : [];
    const found = await execute<MessageRow>(
      on,
      `SELECT ${columns} FROM saga_outbox WHERE target = ? AND state = ?
        ${after.length === 0 ? '' : 'AND next_at >= ? AND (next_at > ? OR msg_id > ?)'}
        ORDER BY next_at, msg_id LIMIT ${limit + 1 - rows.length}`,
      [target, state, ...after],
    );
    rows.push(...found.rows.map((row) => ({ ...row, target })));
  }
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  const next = more ? `${last.target} ${last.nextAt.getTime()} ${last.msgId.toString('hex')}` : '';
  return { messages: page.map(message), nextPageToken: more ? encodePageToken(next, scope) : '' };
}

/**
 * Makes parked messages due now, with no attempts behind them and under the same ids; answers them as they were.
 * `last_code` marks them for the relay, whose next delivery begins a trace of its own.
 */
export async function redrive(tx: Executor, which: Which): Promise<QueuedMessage[]> {
  const column = { sagaId: 'saga_id', messageId: 'msg_id', target: 'target' }[which.$case];
  const { rows } = await execute<MessageRow>(
    tx,
    `SELECT ${columns} FROM saga_outbox WHERE ${column} = ? AND state = 'parked' LIMIT ${redriveLimit} FOR UPDATE`,
    [which.value],
  );
  if (rows.length > 0)
    await execute(
      tx,
      // One that is being sent at this moment is fenced off by its epoch, and sent once more.
      `UPDATE saga_outbox SET state = 'pending', attempts = 0, epoch = epoch + 1, next_at = UTC_TIMESTAMP(3),
        last_code = ?, last_error = '' WHERE msg_id IN (${placeholders(rows.length)})`,
      [redrivenCode, ...rows.map((row) => row.msgId)],
    );
  return rows.map(message);
}

function message(row: MessageRow): QueuedMessage {
  return {
    messageId: row.msgId,
    sagaId: row.sagaId,
    method: row.method.slice(1),
    kind: row.kind,
    state: row.state,
    attempts: row.attempts,
    lastCode: row.code,
    lastError: row.error,
    createTime: timestamp(row.createdAt.getTime()),
    nextTime: row.nextAt.getTime() < neverMs ? timestamp(row.nextAt.getTime()) : undefined,
    expireTime: row.expiresAt === null ? undefined : timestamp(row.expiresAt.getTime()),
  };
}
