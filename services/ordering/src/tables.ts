import type { Generated } from 'kysely';
import type { Status } from './order.ts';

/** Ordering's own tables, as the driver gives and takes their values: BIGINT is a string. */
export interface Tables {
  orders: OrdersTable;
  order_item: OrderItemTable;
  idempotency: IdempotencyTable;
  product_copy: ProductCopyTable;
}

export interface OrdersTable {
  id: Buffer;
  user_id: Buffer;
  status: Status;
  reason: string | null;
  total_minor: string | null;
  currency: string;
  version: Generated<number>;
  created_at: Date;
  updated_at: Date;
}

export interface OrderItemTable {
  order_id: Buffer;
  position: number;
  product_id: Buffer;
  quantity: number;
  name: string | null;
  unit_price_minor: string | null;
}

export interface IdempotencyTable {
  user_id: Buffer;
  request_id: Buffer;
  request_hash: Buffer;
  /** The encoded answer; null only inside the transaction that makes it. */
  response: Buffer | null;
  seen: Generated<number>;
  created_at: Date;
}

export interface ProductCopyTable {
  product_id: Buffer;
  name: string;
  unit_price_minor: string | null;
}
