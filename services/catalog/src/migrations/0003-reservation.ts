import type { Migration } from '@weft/chassis/data/migrations';

/** The pieces that an undecided order holds: a row is there exactly as long as they are held. */
export const reservation: Migration = {
  up: `
    CREATE TABLE reservation (
      saga_id BINARY(16) NOT NULL,
      product_id BINARY(16) NOT NULL,
      quantity INT NOT NULL,
      PRIMARY KEY (saga_id, product_id),
      CONSTRAINT reservation_quantity CHECK (quantity > 0)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
