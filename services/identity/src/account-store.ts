import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import type { Kysely, Selectable } from 'kysely';
import type { AccountTable, Tables } from './tables.ts';

export interface Account {
  readonly id: string;
  readonly email: string;
  readonly passwordHash: string;
  readonly displayName: string;
  readonly roles: readonly string[];
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Fails with a duplicate key when the address is taken. */
export async function insertAccount(
  db: Kysely<Tables>,
  account: Omit<Account, 'version' | 'createdAt' | 'updatedAt'>,
  now: Date,
): Promise<void> {
  await db
    .insertInto('account')
    .values({
      id: uuidToBytes(account.id),
      email: account.email,
      password_hash: account.passwordHash,
      display_name: account.displayName,
      roles: JSON.stringify(account.roles),
      created_at: now,
      updated_at: now,
    })
    .execute();
}

/** By id. */
export async function accountById(db: Kysely<Tables>, id: string): Promise<Account | undefined> {
  const select = db.selectFrom('account').selectAll().where('id', '=', uuidToBytes(id));
  return stored(await select.executeTakeFirst());
}

/** By id, locked until the transaction ends. */
export async function lockAccount(db: Kysely<Tables>, id: string): Promise<Account | undefined> {
  const select = db.selectFrom('account').selectAll().where('id', '=', uuidToBytes(id)).forUpdate();
  return stored(await select.executeTakeFirst());
}

/** By the normalised address. */
export async function accountByEmail(db: Kysely<Tables>, email: string): Promise<Account | undefined> {
  const select = db.selectFrom('account').selectAll().where('email', '=', email);
  return stored(await select.executeTakeFirst());
}

/** Writes the name as the next version. */
export async function updateDisplayName(
  db: Kysely<Tables>,
  id: string,
  name: string,
  now: Date,
): Promise<void> {
  await db
    .updateTable('account')
    .set((eb) => ({ display_name: name, version: eb('version', '+', 1), updated_at: now }))
    .where('id', '=', uuidToBytes(id))
    .execute();
}

function stored(row: Selectable<AccountTable> | undefined): Account | undefined {
  return (
    row && {
      id: bytesToUuid(row.id),
      email: row.email,
      passwordHash: row.password_hash,
      displayName: row.display_name,
      roles: JSON.parse(row.roles) as string[],
      version: row.version,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    }
  );
}
