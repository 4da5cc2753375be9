import type { Database } from '../data/database.ts';
import { execute, placeholders, type Executor } from '../data/statement.ts';

/** The state of a key as of its last change; without a value it was removed. */
export interface FeedEntry {
  readonly sequence: bigint;
  readonly key: Buffer;
  readonly value: Buffer | undefined;
}

/** What a feed holds after a sequence. */
export interface FeedPage {
  readonly head: bigint;
  /** Removed keys that changed up to here are not remembered. */
  readonly forgotten: bigint;
  /** In the order of their sequences, at most as many as asked for. */
  readonly entries: readonly FeedEntry[];
}

interface HeadRow {
  readonly head: string;
  readonly forgotten: string;
  readonly sequence: null;
}

interface EntryRow {
  readonly sequence: string;
  readonly entry_key: Buffer;
  readonly value: Buffer | null;
}

/**
 * One statement, so one view of the database: what is missing below the last entry has changed since, and was not
 * lost. A UNION, since of a join the optimizer makes a temporary table of everything that follows; and so it would
 * without the index by name.
 */
export async function entriesAfter(
  on: Executor,
  feed: string,
  sequence: bigint,
  limit: number,
): Promise<FeedPage> {
  const { rows } = await execute<HeadRow | EntryRow>(
    on,
    `(SELECT head, forgotten, NULL AS sequence, NULL AS entry_key, NULL AS value FROM feed_head WHERE feed = ?)
    UNION ALL
    (SELECT NULL, NULL, sequence, entry_key, value FROM feed_entry FORCE INDEX (feed_entry_sequence)
    WHERE feed = ? AND sequence > ? ORDER BY sequence LIMIT ?)`,
    [feed, feed, sequence, limit],
  );
  const head = rows.find((row) => row.sequence === null);
  const entries = rows.filter((row) => row.sequence !== null);
  return {
    head: BigInt(head?.head ?? 0),
    forgotten: BigInt(head?.forgotten ?? 0),
    entries: entries.map((row) => ({
      sequence: BigInt(row.sequence),
      key: row.entry_key,
      value: row.value ?? undefined,
    })),
  };
}

/** Deletes removed keys that have been so for `days`, and notes up to where; whether there may be more. */
export async function forgetRemoved<DB>(
  database: Database<DB>,
  feed: string,
  days: number,
  batch = 1_000,
): Promise<boolean> {
  const { rows } = await execute<{ sequence: string }>(
    database.kysely,
    `SELECT sequence FROM feed_entry
    WHERE feed = ? AND deleted_at < UTC_TIMESTAMP(3) - INTERVAL ? DAY ORDER BY deleted_at LIMIT ?`,
    [feed, days, batch],
  );
  if (rows.length === 0) return false;
  const sequences = rows.map(({ sequence }) => sequence);
  const last = sequences.reduce((a, b) => (BigInt(a) > BigInt(b) ? a : b));
  await database.transaction(
    async (tx) => {
      await execute(tx, 'UPDATE feed_head SET forgotten = GREATEST(forgotten, ?) WHERE feed = ?', [
        last,
        feed,
      ]);
      // One that was published again has another sequence by now.
      await execute(
        tx,
        `DELETE FROM feed_entry WHERE feed = ? AND sequence IN (${placeholders(sequences.length)})`,
        [feed, ...sequences],
      );
    },
    { idempotent: true },
  );
  return rows.length === batch;
}
