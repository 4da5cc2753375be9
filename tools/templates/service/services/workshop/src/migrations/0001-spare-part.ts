import type { Migration } from '@weft/chassis/data/migrations';

/** `id` is a UUIDv7, so its order is that of creation, and it is the id of the saga that creates the row. */
export const sparePart: Migration = {
  up: `
    CREATE TABLE spare_part (
      id BINARY(16) NOT NULL PRIMARY KEY,
      user_id BINARY(16) NOT NULL,
      name VARCHAR(200) NOT NULL,
      status VARCHAR(16) NOT NULL,
      reason VARCHAR(255) NULL,
      created_at DATETIME(3) NOT NULL,
      updated_at DATETIME(3) NOT NULL,
      KEY by_user (user_id, id)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
