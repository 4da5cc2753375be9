import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import type { Kysely, Selectable, Transaction } from 'kysely';
import type { Details, Status } from './spare-part.ts';
import type { SparePartTable, Tables } from './tables.ts';

export interface Stored extends Details {
  readonly id: string;
  readonly userId: string;
  readonly status: Status;
  readonly reason: string | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

type Db = Kysely<Tables>;
type Tx = Transaction<Tables>;

/** Inserts the row as it is. */
export async function insert(tx: Tx, row: Stored): Promise<void> {
  await tx
    .insertInto('spare_part')
    .values({
      id: uuidToBytes(row.id),
      user_id: uuidToBytes(row.userId),
      name: row.name,
      status: row.status,
      reason: row.reason ?? null,
      created_at: row.createdAt,
      updated_at: row.updatedAt,
    })
    .execute();
}

/** The person's row of this id, if there is one. */
export async function byId(db: Db, id: string, userId: string): Promise<Stored | undefined> {
  const row = await db
    .selectFrom('spare_part')
    .selectAll()
    .where('id', '=', uuidToBytes(id))
    .where('user_id', '=', uuidToBytes(userId))
    .executeTakeFirst();
  return row && stored(row);
}

/** The person's, newest first, those after the row `before`. */
export async function list(
  db: Db,
  page: { readonly userId: string; readonly before: string | undefined; readonly limit: number },
): Promise<Stored[]> {
  let select = db
    .selectFrom('spare_part')
    .selectAll()
    .where('user_id', '=', uuidToBytes(page.userId))
    .orderBy('id', 'desc')
    .limit(page.limit);
  if (page.before !== undefined) select = select.where('id', '<', uuidToBytes(page.before));
  return (await select.execute()).map(stored);
}

/** PENDING → `status`. Whether it was PENDING: whoever is first decides. */
export async function decide(
  tx: Tx,
  id: string,
  status: Exclude<Status, 'PENDING'>,
  reason?: string,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('spare_part')
    .set({ status, reason: reason ?? null, updated_at: new Date() })
    .where('id', '=', uuidToBytes(id))
    .where('status', '=', 'PENDING')
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Takes a name for its owner. False when another of theirs has it. */
export async function takeName(
  tx: Tx,
  taken: { readonly sagaId: string; readonly userId: string; readonly name: string },
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('spare_part_name')
    .ignore()
    .values({
      saga_id: uuidToBytes(taken.sagaId),
      user_id: uuidToBytes(taken.userId),
      name: taken.name,
    })
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

/** Gives back the name that a saga took. */
export async function freeName(tx: Tx, sagaId: string): Promise<void> {
  await tx.deleteFrom('spare_part_name').where('saga_id', '=', uuidToBytes(sagaId)).execute();
}

function stored(row: Selectable<SparePartTable>): Stored {
  return {
    id: bytesToUuid(row.id),
    userId: bytesToUuid(row.user_id),
    name: row.name,
    status: row.status,
    reason: row.reason ?? undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
