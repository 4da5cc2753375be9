import type { Migration } from '@weft/chassis/data/migrations';

/** The check is a second guard; the first is the WHERE clause of each change. */
export const wallet: Migration = {
  up: `
    CREATE TABLE wallet (
      account_id BINARY(16) NOT NULL PRIMARY KEY,
      balance_minor BIGINT NOT NULL,
      currency CHAR(3) NOT NULL,
      CONSTRAINT wallet_balance CHECK (balance_minor >= 0)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
