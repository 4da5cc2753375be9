import { defer, executeBatch } from '@weft/chassis/data/statement';
import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import { sql, type Kysely, type Transaction } from 'kysely';
import type { Offer, OrderedItem } from './quote.ts';
import type { Tables } from './tables.ts';

/** What the catalog has of these products, by id; unknown ones are missing. */
export async function offers(db: Kysely<Tables>, productIds: readonly string[]): Promise<Map<string, Offer>> {
  const rows = await db
    .selectFrom('product')
    .innerJoin('stock', 'stock.product_id', 'product.id')
    .select(['id', 'name', 'price_minor', 'available'])
    .where('id', 'in', productIds.map(uuidToBytes))
    .execute();
  return new Map(
    rows.map((row) => [
      bytesToUuid(row.id),
      { name: row.name, priceMinor: BigInt(row.price_minor), available: row.available },
    ]),
  );
}

/**
 * Holds the pieces of an order. False when some product has too few by now, or is gone; then roll back,
 * since the pieces of the others are held.
 */
export async function hold(
  tx: Transaction<Tables>,
  sagaId: string,
  items: readonly OrderedItem[],
): Promise<boolean> {
  const saga = uuidToBytes(sagaId);
  const reserve = tx
    .insertInto('reservation')
    .values(
      items.map((item) => ({
        saga_id: saga,
        product_id: uuidToBytes(item.productId),
        quantity: item.quantity,
      })),
    )
    .compile();
  const move = moving(saga, sql`available = available - quantity, reserved = reserved + quantity`, {
    enough: sql`available >= quantity`,
  }).compile(tx);
  const { numAffectedRows } = await executeBatch(tx, [reserve, move]);
  return Number(numAffectedRows) === items.length;
}

/** Makes the pieces that an order holds available again. */
export async function giveBack(tx: Transaction<Tables>, sagaId: string): Promise<void> {
  const saga = uuidToBytes(sagaId);
  await unhold(tx, sagaId, sql`available = available + quantity, reserved = reserved - quantity`);
  const heldRows = tx.deleteFrom('reservation').where('saga_id', '=', saga).where('state', '=', 'HELD');
  await defer(tx, [heldRows.compile()]);
}

/** Takes the pieces that an order holds out of the stock. Its reservation stays, as the record of the sale. */
export async function sell(tx: Transaction<Tables>, sagaId: string): Promise<void> {
  const saga = uuidToBytes(sagaId);
  await unhold(tx, sagaId, sql`reserved = reserved - quantity, sold = sold + quantity`);
  const sold = tx
    .updateTable('reservation')
    .set({ state: 'SOLD' })
    .where('saga_id', '=', saga)
    .where('state', '=', 'HELD');
  await defer(tx, [sold.compile()]);
}

/** Moves all that an order holds, or fails: what the reservation says then follows, when `tx` commits. */
async function unhold(tx: Transaction<Tables>, sagaId: string, change: Fragment): Promise<void> {
  const saga = uuidToBytes(sagaId);
  const move = moving(saga, change, { enough: sql`reserved >= quantity` }).compile(tx);
  const count = sql`
    SELECT ROW_COUNT() AS moved, COUNT(*) AS held FROM reservation WHERE saga_id = ${saga} AND state = 'HELD'`;
  const { rows } = await executeBatch<{ moved: unknown; held: unknown }>(tx, [move, count.compile(tx)]);
  const [moved, held] = [Number(rows[0]?.moved), Number(rows[0]?.held)];
  if (moved !== held)
    throw new Error(`saga ${sagaId} held pieces of ${held} products, ${moved} had them reserved`);
}

type Fragment = ReturnType<typeof sql>;

/**
 * One statement for all products of an order. STRAIGHT_JOIN makes the reservation lead, whose key is in
 * the order of the products, and the keys keep it from scanning: all orders lock their stock in the same
 * order, and no other, so none waits in a circle.
 */
function moving(saga: Buffer, change: Fragment, { enough }: { readonly enough: Fragment }): Fragment {
  return sql`
    UPDATE reservation FORCE INDEX (PRIMARY) STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.product_id = reservation.product_id
    SET ${change} WHERE reservation.saga_id = ${saga} AND reservation.state = 'HELD' AND ${enough}`;
}
