import type { Migration } from '@weft/chassis/data/migrations';

/** `id` is a UUIDv7, so its order is that of creation. `search_text` is what a query is looked for in. */
export const product: Migration = {
  up: `
    CREATE TABLE product (
      id BINARY(16) NOT NULL PRIMARY KEY,
      sku VARCHAR(64) NOT NULL,
      name VARCHAR(200) NOT NULL,
      description VARCHAR(4000) NOT NULL,
      price_minor BIGINT NOT NULL,
      currency CHAR(3) NOT NULL,
      tags TEXT NOT NULL,
      search_text TEXT NOT NULL,
      version INT NOT NULL DEFAULT 1,
      created_at DATETIME(3) NOT NULL,
      updated_at DATETIME(3) NOT NULL,
      UNIQUE KEY product_sku (sku),
      CONSTRAINT product_price CHECK (price_minor > 0)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
