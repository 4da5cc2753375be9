import { defer, executeBatch } from '@weft/chassis/data/statement';
import { uuidToBytes } from '@weft/chassis/data/uuid';
import { sql, type Kysely, type Selectable, type Transaction } from 'kysely';
import type { IdempotencyTable, Tables } from './tables.ts';

type Tx = Transaction<Tables>;

/** A request as its caller names it. */
export interface RequestKey {
  readonly userId: string;
  readonly requestId: string;
}

/** What was answered before to a request of that name, and the hash of that request. */
export interface Recorded {
  readonly requestHash: Buffer;
  readonly response: Buffer;
}

/**
 * Claims the name for this transaction: whoever claims it at the same time waits for its end. Answers what
 * was recorded under it since `keptSince`; if nothing was, `record` the answer before the transaction ends.
 */
export async function claim(
  tx: Tx,
  key: RequestKey,
  requestHash: Buffer,
  time: { readonly now: Date; readonly keptSince: Date },
): Promise<Recorded | undefined> {
  const insert = tx
    .insertInto('idempotency')
    .values({
      user_id: uuidToBytes(key.userId),
      request_id: Buffer.from(key.requestId),
      request_hash: requestHash,
      response: null,
      created_at: time.now,
    })
    // Never insert-ignore, nor a locking read first: those deadlock when many come at once.
    .onDuplicateKeyUpdate({ seen: sql`seen + 1` })
    .compile();
  const select = tx
    .selectFrom('idempotency')
    .selectAll()
    .where('user_id', '=', uuidToBytes(key.userId))
    .where('request_id', '=', Buffer.from(key.requestId))
    .forUpdate()
    .compile();
  const [row] = (await executeBatch<Selectable<IdempotencyTable>>(tx, [insert, select])).rows;
  if (row === undefined) throw new Error('the record that was just written is gone');
  if (row.response === null || row.created_at < time.keptSince) return undefined;
  return { requestHash: row.request_hash, response: row.response };
}

/** Records the answer to a claimed request, when `tx` commits. */
export async function record(tx: Tx, key: RequestKey, answer: Recorded, now: Date): Promise<void> {
  const update = tx
    .updateTable('idempotency')
    .set({ request_hash: answer.requestHash, response: answer.response, created_at: now })
    .where('user_id', '=', uuidToBytes(key.userId))
    .where('request_id', '=', Buffer.from(key.requestId))
    .compile();
  await defer(tx, [update]);
}

/** Deletes a batch of records from before `time`; whether there may be more. */
export async function deleteRecordedBefore(db: Kysely<Tables>, time: Date, batch: number): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('idempotency')
    .where('created_at', '<', time)
    .limit(batch)
    .executeTakeFirstOrThrow();
  return numDeletedRows >= batch;
}
