import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import { sql, type Kysely, type Selectable, type Transaction } from 'kysely';
import { publishProduct, publishRemoval } from './product-feed.ts';
import { currency, folded, maxPieces, searchText, type ProductDetails } from './product.ts';
import type { ProductTable, StockTable, Tables } from './tables.ts';

/** A product as it is stored, with its stock. */
export interface StoredProduct extends ProductDetails {
  readonly id: string;
  readonly available: number;
  readonly reserved: number;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Any of these takes a transaction too. Ids are UUIDs; a text that is none matches nothing. */
type Db = Kysely<Tables>;

/** Inserts a product and its stock, and tells of it. Fails with a duplicate key when the SKU is taken. */
export async function insertProduct(
  db: Transaction<Tables>,
  id: string,
  details: ProductDetails,
  available: number,
  now: Date,
): Promise<void> {
  const key = uuidToBytes(id);
  await db
    .insertInto('product')
    .values({
      id: key,
      sku: details.sku,
      name: details.name,
      description: details.description,
      price_minor: details.priceMinor.toString(),
      currency,
      tags: JSON.stringify(details.tags),
      search_text: searchText(details),
      created_at: now,
      updated_at: now,
    })
    .execute();
  await db
    .insertInto('stock')
    .values({ product_id: key, available, stocked: String(available) })
    .execute();
  await publishProduct(db, id, details);
}

/** The product, if there is one. */
export async function productById(db: Db, id: string): Promise<StoredProduct | undefined> {
  return (await productsByIds(db, [id]))[0];
}

/** Those that exist, in no order. */
export async function productsByIds(db: Db, ids: readonly string[]): Promise<StoredProduct[]> {
  if (ids.length === 0) return [];
  const rows = await products(db).where('id', 'in', ids.map(uuidToBytes)).execute();
  return rows.map(stored);
}

/** Newest first, those after the product `before`, of those that contain `query` whatever its case. */
export async function listProducts(
  db: Db,
  page: { readonly before: string | undefined; readonly query: string; readonly limit: number },
): Promise<StoredProduct[]> {
  let select = products(db).orderBy('id', 'desc').limit(page.limit);
  if (page.before !== undefined) select = select.where('id', '<', uuidToBytes(page.before));
  if (page.query !== '') {
    const pattern = `%${folded(page.query).replace(/[%_|]/g, '|$&')}%`;
    select = select.where(sql<boolean>`search_text LIKE ${pattern} ESCAPE '|'`);
  }
  return (await select.execute()).map(stored);
}

/** Locks the product against other edits; its stock stays free. Whether there is one. */
export async function lockProduct(db: Db, id: string): Promise<boolean> {
  const select = db.selectFrom('product').select('id').where('id', '=', uuidToBytes(id)).forUpdate();
  return (await select.executeTakeFirst()) !== undefined;
}

/** Writes the details, all of them, as the next version, and tells of it. */
export async function updateProduct(
  db: Transaction<Tables>,
  id: string,
  details: ProductDetails,
  now: Date,
): Promise<void> {
  await db
    .updateTable('product')
    .set((eb) => ({
      sku: details.sku,
      name: details.name,
      description: details.description,
      price_minor: details.priceMinor.toString(),
      tags: JSON.stringify(details.tags),
      search_text: searchText(details),
      version: eb('version', '+', 1),
      updated_at: now,
    }))
    .where('id', '=', uuidToBytes(id))
    .execute();
  await publishProduct(db, id, details);
}

/** Locks the product's stock, so that no order takes or holds pieces of it. Whether there is one. */
export async function lockStock(db: Db, id: string): Promise<boolean> {
  const key = uuidToBytes(id);
  const select = db.selectFrom('stock').select('product_id').where('product_id', '=', key).forUpdate();
  return (await select.executeTakeFirst()) !== undefined;
}

/** Deletes the product and its stock, and tells of it. */
export async function deleteProduct(db: Transaction<Tables>, id: string): Promise<void> {
  await db.deleteFrom('stock').where('product_id', '=', uuidToBytes(id)).execute();
  await db.deleteFrom('product').where('id', '=', uuidToBytes(id)).execute();
  await publishRemoval(db, id);
}

/** Adds pieces or takes them out; false when there is no such product, or too few or too many pieces. */
export async function adjustStock(db: Db, id: string, delta: number): Promise<boolean> {
  const result = await db
    .updateTable('stock')
    .set((eb) => ({ available: eb('available', '+', delta), stocked: eb('stocked', '+', String(delta)) }))
    .where('product_id', '=', uuidToBytes(id))
    .where('available', '>=', -delta)
    .where(sql<boolean>`available + reserved + ${delta} <= ${maxPieces}`)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

function products(db: Db) {
  return db.selectFrom('product').innerJoin('stock', 'stock.product_id', 'product.id').selectAll();
}

function stored(row: Selectable<ProductTable> & Selectable<StockTable>): StoredProduct {
  return {
    id: bytesToUuid(row.id),
    sku: row.sku,
    name: row.name,
    description: row.description,
    priceMinor: BigInt(row.price_minor),
    tags: JSON.parse(row.tags) as string[],
    available: row.available,
    reserved: row.reserved,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
