import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import type { Kysely, Transaction } from 'kysely';
import type { Tables } from './tables.ts';

/** A session that was ended. */
export interface Revocation {
  readonly sequence: bigint;
  readonly sessionId: string;
  readonly until: Date;
}

/** Last in its transaction: from here to the commit no other session can be revoked. */
export async function insertRevocation(
  tx: Transaction<Tables>,
  sessionId: string,
  until: Date,
): Promise<void> {
  await tx
    .updateTable('revocation_head')
    .set((eb) => ({ sequence: eb('sequence', '+', '1') }))
    .execute();
  const { sequence } = await tx.selectFrom('revocation_head').select('sequence').executeTakeFirstOrThrow();
  await tx
    .insertInto('revocation')
    .values({ sequence, session_id: uuidToBytes(sessionId), until })
    .execute();
}

/** The next ones after a sequence, in order. */
export async function revocationsAfter(
  db: Kysely<Tables>,
  sequence: bigint,
  limit: number,
): Promise<Revocation[]> {
  const rows = await db
    .selectFrom('revocation')
    .selectAll()
    .where('sequence', '>', String(sequence))
    .orderBy('sequence')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    sequence: BigInt(row.sequence),
    sessionId: bytesToUuid(row.session_id),
    until: row.until,
  }));
}

/** The last sequence that was given. */
export async function lastSequence(db: Kysely<Tables>): Promise<bigint> {
  const { sequence } = await db.selectFrom('revocation_head').select('sequence').executeTakeFirstOrThrow();
  return BigInt(sequence);
}

/** Deletes a batch of those that nobody needs to know any more; whether there may be more. */
export async function deleteRevocationsBefore(
  db: Kysely<Tables>,
  time: Date,
  batch: number,
): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('revocation')
    .where('until', '<', time)
    .limit(batch)
    .executeTakeFirstOrThrow();
  return numDeletedRows >= batch;
}
