import type { Migration } from '@weft/chassis/data/migrations';

/**
 * Apart from the product: orders change it all the time, and must not wait for an edit of the product's
 * text. The checks are a second guard; the first is the WHERE clause of each change.
 */
export const stock: Migration = {
  up: `
    CREATE TABLE stock (
      product_id BINARY(16) NOT NULL PRIMARY KEY,
      available INT NOT NULL,
      reserved INT NOT NULL DEFAULT 0,
      CONSTRAINT stock_available CHECK (available >= 0),
      CONSTRAINT stock_reserved CHECK (reserved >= 0)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
