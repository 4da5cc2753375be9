import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import { toMinor } from '@weft/chassis/resource/money';
import type { ProductChange } from '@weft/proto/shop/catalog/v1/feed';
import { sql, type Kysely, type Transaction } from 'kysely';
import type { Item } from './order.ts';
import type { StoredItem } from './order-store.ts';
import type { Tables } from './tables.ts';

/** Empties the copy. */
export async function clearCopy(tx: Transaction<Tables>): Promise<void> {
  await tx.deleteFrom('product_copy').execute();
}

/** Writes what was told of products, of each at most once. */
export async function copyProducts(
  tx: Transaction<Tables>,
  changes: readonly ProductChange[],
): Promise<void> {
  const rows = changes.flatMap(({ productId, product }) =>
    product === undefined
      ? []
      : [
          {
            product_id: uuidToBytes(productId),
            name: product.name,
            unit_price_minor: product.price === undefined ? null : toMinor(product.price).toString(),
          },
        ],
  );
  const removed = changes.filter(({ product }) => product === undefined);
  if (rows.length > 0)
    await tx
      .insertInto('product_copy')
      .values(rows)
      .onDuplicateKeyUpdate({ name: sql`VALUES(name)`, unit_price_minor: sql`VALUES(unit_price_minor)` })
      .execute();
  if (removed.length > 0)
    await tx
      .deleteFrom('product_copy')
      .where(
        'product_id',
        'in',
        removed.map(({ productId }) => uuidToBytes(productId)),
      )
      .execute();
}

/** The items with the names and prices that were told last, as far as there are any. */
export async function asLastHeard(db: Kysely<Tables>, items: readonly Item[]): Promise<StoredItem[]> {
  const rows = await db
    .selectFrom('product_copy')
    .selectAll()
    .where(
      'product_id',
      'in',
      items.map(({ productId }) => uuidToBytes(productId)),
    )
    .execute();
  const known = new Map(rows.map((row) => [bytesToUuid(row.product_id), row]));
  return items.map((item) => {
    const row = known.get(item.productId);
    const price = row?.unit_price_minor ?? undefined;
    return { ...item, name: row?.name, unitPriceMinor: price === undefined ? undefined : BigInt(price) };
  });
}
