import type { Migration } from '@weft/chassis/data/migrations';
import { followerMigrations } from '@weft/chassis/feed/schema';
import { orders } from './0001-orders.ts';
import { orderItem } from './0002-order-item.ts';
import { idempotency } from './0003-idempotency.ts';
import { productCopy } from './0004-product-copy.ts';

/** Ordering's schema, in the order of the names. One that has run anywhere is never edited. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001_orders': orders,
  '0002_order_item': orderItem,
  '0003_idempotency': idempotency,
  '0004_product_copy': productCopy,
  ...followerMigrations,
};
