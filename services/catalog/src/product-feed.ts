import type { Database } from '@weft/chassis/data/database';
import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import { publish } from '@weft/chassis/feed/publish';
import { fromMinor } from '@weft/chassis/resource/money';
import { ProductState } from '@weft/proto/shop/catalog/v1/feed';
import { sql, type Transaction } from 'kysely';
import { currency, type ProductDetails } from './product.ts';
import type { Tables } from './tables.ts';

/** The feed of what products are called and cost. */
export const feed = 'products';

const batch = 200;

/** Tells followers of a product as it is from now on, when `tx` commits. */
export async function publishProduct(
  tx: Transaction<Tables>,
  id: string,
  { name, priceMinor }: Pick<ProductDetails, 'name' | 'priceMinor'>,
): Promise<void> {
  const state = ProductState.encode({ name, price: fromMinor(priceMinor, currency) }).finish();
  await publish(tx, feed, uuidToBytes(id), state);
}

/** Tells followers that a product is no more, when `tx` commits. */
export async function publishRemoval(tx: Transaction<Tables>, id: string): Promise<void> {
  await publish(tx, feed, uuidToBytes(id), undefined);
}

/** Tells of the products that nobody was told of: those from before there was a feed. */
export async function publishUntold(database: Database<Tables>): Promise<void> {
  for (let told = batch; told === batch;)
    told = await database.transaction(async (tx) => {
      // Locked: an edit must not be told of first, and then what was before it.
      const { rows } = await sql<{ id: Buffer; name: string; price_minor: string }>`
        SELECT p.id, p.name, p.price_minor
        FROM product p LEFT JOIN feed_entry e ON e.feed = ${feed} AND e.entry_key = p.id
        WHERE e.feed IS NULL ORDER BY p.id LIMIT ${batch} FOR UPDATE`.execute(tx);
      for (const { id, name, price_minor: price } of rows)
        await publishProduct(tx, bytesToUuid(id), { name, priceMinor: BigInt(price) });
      return rows.length;
    });
}
