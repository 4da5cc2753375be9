import type { Migration } from '@weft/chassis/data/migrations';
import { orders } from './0001-orders.ts';
import { orderItem } from './0002-order-item.ts';
import { idempotency } from './0003-idempotency.ts';

/** Ordering's schema, in the order of the names. One that has run anywhere is never edited. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001_orders': orders,
  '0002_order_item': orderItem,
  '0003_idempotency': idempotency,
};
