import type { Migration } from '@weft/chassis/data/migrations';

/** What the catalog's products are called and cost, as the feed of them told last. No order is decided by it. */
export const productCopy: Migration = {
  up: `
    CREATE TABLE product_copy (
      product_id BINARY(16) NOT NULL PRIMARY KEY,
      name VARCHAR(200) NOT NULL,
      unit_price_minor BIGINT NULL
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
