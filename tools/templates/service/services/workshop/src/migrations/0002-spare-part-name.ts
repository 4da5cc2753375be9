import type { Migration } from '@weft/chassis/data/migrations';

/** A row is there exactly as long as the name is taken; the key is the guard against taking it twice. */
export const sparePartName: Migration = {
  up: `
    CREATE TABLE spare_part_name (
      saga_id BINARY(16) NOT NULL PRIMARY KEY,
      user_id BINARY(16) NOT NULL,
      name VARCHAR(200) NOT NULL,
      UNIQUE KEY once_per_user (user_id, name)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
