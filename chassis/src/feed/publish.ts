import { defer, type Executor } from '../data/statement.ts';

/** Deferred with COMMIT, so the head's row is locked from here to the commit and for no other round trip. */
const takeSequence = `
  INSERT INTO feed_head (feed, head) VALUES (?, 1) ON DUPLICATE KEY UPDATE head = head + 1`;
const writeEntry = `
  INSERT INTO feed_entry (feed, entry_key, sequence, value, deleted_at)
  SELECT h.feed, ?, h.head, ?, IF(?, UTC_TIMESTAMP(3), NULL) FROM feed_head h WHERE h.feed = ?
  ON DUPLICATE KEY UPDATE sequence = VALUES(sequence), value = VALUES(value), deleted_at = VALUES(deleted_at)`;

/**
 * Tells a feed's followers what `key` is from now on, when `tx` commits; `undefined`: it is no more.
 *
 * The sequence comes from one row per feed, which is locked until the commit. So whoever sees a sequence sees
 * all below it: the transaction that gave one has committed before the next could be given. A sequence from
 * AUTO_INCREMENT is given long before its commit, and a reader of `id > cursor` loses rows when commits
 * reorder. The price is that transactions which publish in the same feed commit one after another, for the
 * time of a commit each: thousands a second, so for what changes seldom. The statements are sent with COMMIT,
 * last in the transaction, so that nothing is waited for while the row is held, nor in a circle.
 *
 * @param key At most 64 bytes.
 * @param value The state as its followers get it; it replaces the one before.
 */
export async function publish(
  tx: Executor,
  feed: string,
  key: Uint8Array,
  value: Uint8Array | undefined,
): Promise<void> {
  const removed = value === undefined;
  await defer(tx, [
    { sql: takeSequence, parameters: [feed] },
    {
      sql: writeEntry,
      parameters: [Buffer.from(key), removed ? null : Buffer.from(value), removed, feed],
    },
  ]);
}
