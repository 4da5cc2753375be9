import { defer } from '@weft/chassis/data/statement';
import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import { sql, type Kysely, type Selectable, type Transaction } from 'kysely';
import { currency, type Item, type Status } from './order.ts';
import type { OrderItemTable, OrdersTable, Tables } from './tables.ts';

export interface StoredItem extends Item {
  readonly name: string | undefined;
  readonly unitPriceMinor: bigint | undefined;
}

export interface StoredOrder {
  readonly id: string;
  readonly userId: string;
  readonly status: Status;
  /** Why it was rejected, as whoever refused said. */
  readonly reason: string | undefined;
  readonly items: readonly StoredItem[];
  readonly totalMinor: bigint | undefined;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** An item as the catalog priced it. */
export interface PricedItem {
  readonly productId: string;
  readonly name: string;
  readonly unitPriceMinor: bigint;
}

type Db = Kysely<Tables>;
type Tx = Transaction<Tables>;

/** Inserts a PENDING order, when `tx` commits. */
export async function insertOrder(
  tx: Tx,
  order: {
    readonly id: string;
    readonly userId: string;
    readonly items: readonly StoredItem[];
    readonly now: Date;
  },
): Promise<void> {
  const id = uuidToBytes(order.id);
  const insertRow = tx
    .insertInto('orders')
    .values({
      id,
      user_id: uuidToBytes(order.userId),
      status: 'PENDING',
      reason: null,
      total_minor: null,
      currency,
      created_at: order.now,
      updated_at: order.now,
    })
    .compile();
  const insertItems = tx
    .insertInto('order_item')
    .values(
      order.items.map((item, position) => ({
        order_id: id,
        position,
        product_id: uuidToBytes(item.productId),
        quantity: item.quantity,
        name: item.name ?? null,
        unit_price_minor: item.unitPriceMinor?.toString() ?? null,
      })),
    )
    .compile();
  await defer(tx, [insertRow, insertItems]);
}

/** The order with its items, if there is one. */
export async function orderById(db: Db, id: string): Promise<StoredOrder | undefined> {
  const rows = await db.selectFrom('orders').selectAll().where('id', '=', uuidToBytes(id)).execute();
  return (await withItems(db, rows))[0];
}

/** Newest first, those after the order `before`; of one user, or of all. */
export async function listOrders(
  db: Db,
  page: { readonly userId: string | undefined; readonly before: string | undefined; readonly limit: number },
): Promise<StoredOrder[]> {
  let select = db.selectFrom('orders').selectAll().orderBy('id', 'desc').limit(page.limit);
  if (page.userId !== undefined) select = select.where('user_id', '=', uuidToBytes(page.userId));
  if (page.before !== undefined) select = select.where('id', '<', uuidToBytes(page.before));
  return withItems(db, await select.execute());
}

/** The versions of those orders that exist. */
export async function versionsOf(db: Db, ids: readonly string[]): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('orders')
    .select(['id', 'version'])
    .where('id', 'in', ids.map(uuidToBytes))
    .execute();
  return new Map(rows.map((row) => [bytesToUuid(row.id), row.version]));
}

/** PENDING → `status`. Whether it was PENDING: whoever is first decides. */
export async function decide(
  tx: Tx,
  id: string,
  decision: {
    readonly status: Exclude<Status, 'PENDING'>;
    readonly reason?: string;
    readonly totalMinor?: bigint;
  },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('orders')
    .set((eb) => ({
      status: decision.status,
      reason: decision.reason?.slice(0, 255) ?? null,
      total_minor: decision.totalMinor?.toString() ?? null,
      version: eb('version', '+', 1),
      updated_at: new Date(),
    }))
    .where('id', '=', uuidToBytes(id))
    .where('status', '=', 'PENDING')
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** CONFIRMED → CANCELLED. Whether it was CONFIRMED. What it was sold for stays on record. */
export async function cancelConfirmed(tx: Tx, id: string): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('orders')
    .set((eb) => ({ status: 'CANCELLED', version: eb('version', '+', 1), updated_at: new Date() }))
    .where('id', '=', uuidToBytes(id))
    .where('status', '=', 'CONFIRMED')
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Writes the catalog's names and prices, all in one statement, when `tx` commits. */
export async function priceItems(tx: Tx, id: string, items: readonly PricedItem[]): Promise<void> {
  const cases = (value: (item: PricedItem) => string) =>
    sql.join(
      items.map((item) => sql`WHEN ${uuidToBytes(item.productId)} THEN ${value(item)}`),
      sql` `,
    );
  const update = sql`
    UPDATE order_item
    SET name = CASE product_id ${cases((item) => item.name)} ELSE name END,
        unit_price_minor = CASE product_id ${cases((item) => item.unitPriceMinor.toString())} ELSE unit_price_minor END
    WHERE order_id = ${uuidToBytes(id)}`;
  await defer(tx, [update.compile(tx)]);
}

async function withItems(db: Db, orders: readonly Selectable<OrdersTable>[]): Promise<StoredOrder[]> {
  if (orders.length === 0) return [];
  const ids = orders.map((order) => order.id);
  const rows = await db
    .selectFrom('order_item')
    .selectAll()
    .where('order_id', 'in', ids)
    .orderBy('order_id')
    .orderBy('position')
    .execute();
  const items = Map.groupBy(rows, (row) => bytesToUuid(row.order_id));
  return orders.map((order) => stored(order, items.get(bytesToUuid(order.id)) ?? []));
}

function stored(order: Selectable<OrdersTable>, items: readonly Selectable<OrderItemTable>[]): StoredOrder {
  return {
    id: bytesToUuid(order.id),
    userId: bytesToUuid(order.user_id),
    status: order.status,
    reason: order.reason ?? undefined,
    items: items.map((item) => ({
      productId: bytesToUuid(item.product_id),
      quantity: item.quantity,
      name: item.name ?? undefined,
      unitPriceMinor: minor(item.unit_price_minor),
    })),
    totalMinor: minor(order.total_minor),
    version: order.version,
    createdAt: order.created_at,
    updatedAt: order.updated_at,
  };
}

function minor(value: string | null): bigint | undefined {
  return value === null ? undefined : BigInt(value);
}
