import type { Migration } from '@weft/chassis/data/migrations';

/** Name and price are the catalog's to say, with the confirmation; until then as `product_copy` has them, if it does. */
export const orderItem: Migration = {
  up: `
    CREATE TABLE order_item (
      order_id BINARY(16) NOT NULL,
      position SMALLINT NOT NULL,
      product_id BINARY(16) NOT NULL,
      quantity INT NOT NULL,
      name VARCHAR(200) NULL,
      unit_price_minor BIGINT NULL,
      PRIMARY KEY (order_id, position)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
