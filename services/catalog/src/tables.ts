import type { Generated } from 'kysely';

/** The catalog's own tables, as the driver gives and takes their values: BIGINT is a string. */
export interface Tables {
  product: ProductTable;
  stock: StockTable;
  reservation: ReservationTable;
}

export interface ProductTable {
  id: Buffer;
  sku: string;
  name: string;
  description: string;
  price_minor: string;
  currency: string;
  /** A JSON array of strings. */
  tags: string;
  search_text: string;
  version: Generated<number>;
  created_at: Date;
  updated_at: Date;
}

export interface StockTable {
  product_id: Buffer;
  available: number;
  reserved: Generated<number>;
  sold: Generated<string>;
  /** available + reserved + sold, always. */
  stocked: string;
}

export interface ReservationTable {
  saga_id: Buffer;
  product_id: Buffer;
  quantity: number;
  state: Generated<'HELD' | 'SOLD' | 'RETURNED'>;
}
