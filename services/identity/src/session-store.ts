import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import type { Kysely, Transaction } from 'kysely';
import type { TokenFamily } from './refresh-token.ts';
import type { Tables } from './tables.ts';

type Tx = Transaction<Tables>;

export interface Session extends TokenFamily {
  readonly id: string;
  readonly accountId: string;
}

/** Inserts a session and its first refresh token. */
export async function insertSession(
  tx: Tx,
  session: { id: string; accountId: string; hash: Buffer; now: Date; expiresAt: Date },
): Promise<void> {
  await tx
    .insertInto('session')
    .values({
      id: uuidToBytes(session.id),
      account_id: uuidToBytes(session.accountId),
      current_hash: session.hash,
      previous_hash: null,
      rotated_at: session.now,
      expires_at: session.expiresAt,
    })
    .execute();
  await insertToken(tx, session.id, session.hash, session.now);
}

/** The session that a refresh token belongs to or ever belonged to, locked until the transaction ends. */
export async function lockSessionOf(tx: Tx, hash: Buffer): Promise<Session | undefined> {
  const token = await tx
    .selectFrom('refresh_token')
    .select('session_id')
    .where('hash', '=', hash)
    .executeTakeFirst();
  if (token === undefined) return undefined;
  const row = await tx
    .selectFrom('session')
    .selectAll()
    .where('id', '=', token.session_id)
    .forUpdate()
    .executeTakeFirst();
  return (
    row && {
      id: bytesToUuid(row.id),
      accountId: bytesToUuid(row.account_id),
      currentHash: row.current_hash,
      previousHash: row.previous_hash ?? undefined,
      rotatedAtMs: row.rotated_at.getTime(),
      expiresAtMs: row.expires_at.getTime(),
    }
  );
}

/** Makes `next` the session's token in place of `used`. */
export async function rotate(
  tx: Tx,
  sessionId: string,
  change: { used: Buffer; next: Buffer; now: Date; expiresAt: Date },
): Promise<void> {
  await tx
    .updateTable('session')
    .set({
      current_hash: change.next,
      previous_hash: change.used,
      rotated_at: change.now,
      expires_at: change.expiresAt,
    })
    .where('id', '=', uuidToBytes(sessionId))
    .execute();
  await insertToken(tx, sessionId, change.next, change.now);
}

/** Ends a session; whether it was not over yet. */
export async function endSession(tx: Tx, sessionId: string, now: Date): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('session')
    .set({ expires_at: now })
    .where('id', '=', uuidToBytes(sessionId))
    .where('expires_at', '>', now)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Deletes a batch of sessions and refresh tokens that ended before `time`; whether there may be more. */
export async function deleteEndedBefore(
  db: Kysely<Tables>,
  time: { session: Date; token: Date },
  batch: number,
): Promise<boolean> {
  const sessions = await db
    .deleteFrom('session')
    .where('expires_at', '<', time.session)
    .limit(batch)
    .executeTakeFirstOrThrow();
  const tokens = await db
    .deleteFrom('refresh_token')
    .where('created_at', '<', time.token)
    .limit(batch)
    .executeTakeFirstOrThrow();
  return sessions.numDeletedRows >= batch || tokens.numDeletedRows >= batch;
}

async function insertToken(tx: Tx, sessionId: string, hash: Buffer, now: Date): Promise<void> {
  await tx
    .insertInto('refresh_token')
    .values({ hash, session_id: uuidToBytes(sessionId), created_at: now })
    .execute();
}
