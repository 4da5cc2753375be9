import type { Migration } from '@weft/chassis/data/migrations';

/** `email` is normalised, so its key makes it unique whatever its case. */
export const account: Migration = {
  up: `
    CREATE TABLE account (
      id BINARY(16) NOT NULL PRIMARY KEY,
      email VARCHAR(254) NOT NULL,
      password_hash VARCHAR(255) NOT NULL,
      display_name VARCHAR(100) NOT NULL,
      roles VARCHAR(255) NOT NULL,
      version INT NOT NULL DEFAULT 1,
      created_at DATETIME(3) NOT NULL,
      updated_at DATETIME(3) NOT NULL,
      UNIQUE KEY account_email (email)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
