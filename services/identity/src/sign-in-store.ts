import { createHash } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import type { Attempts } from './sign-in-attempts.ts';
import type { Tables } from './tables.ts';

const keyOf = (email: string): Buffer => createHash('sha256').update(email).digest();

/** The attempts at an address, locked until the transaction ends; none at first. */
export async function lockAttempts(tx: Transaction<Tables>, email: string, now: Date): Promise<Attempts> {
  // Locked also when there is no row yet: sign-ins at the same time are counted one after the other.
  await tx
    .insertInto('sign_in_attempt')
    .values({ address_hash: keyOf(email), failures: 0, last_at: now })
    .onDuplicateKeyUpdate((eb) => ({ failures: eb.ref('failures') }))
    .execute();
  const row = await tx
    .selectFrom('sign_in_attempt')
    .select(['failures', 'last_at'])
    .where('address_hash', '=', keyOf(email))
    .forUpdate()
    .executeTakeFirstOrThrow();
  return { failures: row.failures, lastAtMs: row.last_at.getTime() };
}

export async function updateAttempts(
  tx: Transaction<Tables>,
  email: string,
  { failures, lastAtMs }: Attempts,
): Promise<void> {
  await tx
    .updateTable('sign_in_attempt')
    .set({ failures, last_at: new Date(lastAtMs) })
    .where('address_hash', '=', keyOf(email))
    .execute();
}

/** After a sign-in that went well. */
export async function forgetAttempts(tx: Transaction<Tables>, email: string): Promise<void> {
  await tx.deleteFrom('sign_in_attempt').where('address_hash', '=', keyOf(email)).execute();
}

/** Deletes a batch of those that are forgotten; whether there may be more. */
export async function deleteAttemptsBefore(db: Kysely<Tables>, time: Date, batch: number): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('sign_in_attempt')
    .where('last_at', '<', time)
    .limit(batch)
    .executeTakeFirstOrThrow();
  return numDeletedRows >= batch;
}
