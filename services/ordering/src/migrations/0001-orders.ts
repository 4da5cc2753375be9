import type { Migration } from '@weft/chassis/data/migrations';

/** `id` is a UUIDv7, so its order is that of creation, and it is the id of the order's saga. */
export const orders: Migration = {
  up: `
    CREATE TABLE orders (
      id BINARY(16) NOT NULL PRIMARY KEY,
      user_id BINARY(16) NOT NULL,
      status VARCHAR(16) NOT NULL,
      reason VARCHAR(255) NULL,
      total_minor BIGINT NULL,
      currency CHAR(3) NOT NULL,
      version INT NOT NULL DEFAULT 1,
      created_at DATETIME(3) NOT NULL,
      updated_at DATETIME(3) NOT NULL,
      KEY orders_user (user_id, id)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
