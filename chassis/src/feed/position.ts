import { execute, type Executor } from '../data/statement.ts';

/** Up to where the copy of a feed holds, and the seconds since it was last known to hold everything. */
export interface Position {
  readonly sequence: bigint;
  readonly lagSeconds: number;
}

/** The position; of a feed that was never followed, its beginning. */
export async function readPosition(on: Executor, feed: string): Promise<Position> {
  await execute(
    on,
    `INSERT INTO feed_position (feed, sequence, current_at) VALUES (?, 0, UTC_TIMESTAMP(3))
    ON DUPLICATE KEY UPDATE feed = feed`,
    [feed],
  );
  // LAG is a reserved word of MySQL.
  const { rows } = await execute<{ sequence: string; behind: string }>(
    on,
    `SELECT sequence, TIMESTAMPDIFF(MICROSECOND, current_at, UTC_TIMESTAMP(3)) AS behind
    FROM feed_position WHERE feed = ?`,
    [feed],
  );
  const [row] = rows;
  return { sequence: BigInt(row?.sequence ?? 0), lagSeconds: Number(row?.behind ?? 0) / 1e6 };
}

/** The sequence, locked until `tx` ends; undefined when somebody has deleted the row. */
export async function lockPosition(tx: Executor, feed: string): Promise<bigint | undefined> {
  const { rows } = await execute<{ sequence: string }>(
    tx,
    'SELECT sequence FROM feed_position WHERE feed = ? FOR UPDATE',
    [feed],
  );
  return rows[0] && BigInt(rows[0].sequence);
}

/** Moves the position, when `tx` commits. `current`: nothing was missing then. */
export async function movePosition(
  tx: Executor,
  feed: string,
  sequence: bigint,
  current: boolean,
): Promise<void> {
  await execute(
    tx,
    `UPDATE feed_position SET sequence = ?, current_at = IF(?, UTC_TIMESTAMP(3), current_at) WHERE feed = ?`,
    [sequence, current, feed],
  );
}

/** Notes that nothing is missing now; false when the position is not so far, since somebody has set it back. */
export async function noteCurrent(on: Executor, feed: string, sequence: bigint): Promise<boolean> {
  const { numAffectedRows } = await execute(
    on,
    'UPDATE feed_position SET current_at = UTC_TIMESTAMP(3) WHERE feed = ? AND sequence >= ?',
    [feed, sequence],
  );
  return numAffectedRows === 1n;
}
