import type { Kysely, Transaction } from 'kysely';
import type { Scheduled } from './signing-key.ts';
import type { Tables } from './tables.ts';

export interface StoredKey extends Scheduled {
  /** A public JWK, as JSON. */
  readonly publicJwk: string;
  readonly sealedPrivateKey: Buffer;
}

/** Waits until no other instance makes a key; until the transaction ends none does. */
export async function lockRotation(tx: Transaction<Tables>): Promise<void> {
  await tx.selectFrom('rotation_lock').select('id').forUpdate().executeTakeFirstOrThrow();
}

/** All keys, in no order. */
export async function signingKeys(db: Kysely<Tables>): Promise<StoredKey[]> {
  const rows = await db.selectFrom('signing_key').selectAll().execute();
  return rows.map((row) => ({
    kid: row.kid,
    publicJwk: row.public_jwk,
    sealedPrivateKey: row.sealed_private_key,
    signsFromMs: row.signs_from.getTime(),
  }));
}

/** Under the rotation lock. */
export async function insertSigningKey(tx: Transaction<Tables>, key: StoredKey): Promise<void> {
  await tx
    .insertInto('signing_key')
    .values({
      kid: key.kid,
      public_jwk: key.publicJwk,
      sealed_private_key: key.sealedPrivateKey,
      signs_from: new Date(key.signsFromMs),
    })
    .execute();
}

/** Under the rotation lock. */
export async function deleteSigningKeys(tx: Transaction<Tables>, kids: readonly string[]): Promise<void> {
  if (kids.length > 0) await tx.deleteFrom('signing_key').where('kid', 'in', kids).execute();
}
