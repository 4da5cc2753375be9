import type { Migration } from '@weft/chassis/data/migrations';

/**
 * Every change of a wallet, written with it: a balance is the sum of its amounts. A saga charges and
 * refunds once, whatever else fails. `balance_minor` is what a top-up answered, for a repeated request.
 */
export const ledger: Migration = {
  up: `
    CREATE TABLE ledger (
      id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
      account_id BINARY(16) NOT NULL,
      kind VARCHAR(10) NOT NULL,
      amount_minor BIGINT NOT NULL,
      saga_id BINARY(16) NULL,
      request_id VARBINARY(255) NULL,
      balance_minor BIGINT NULL,
      created_at DATETIME(3) NOT NULL,
      UNIQUE KEY ledger_saga (saga_id, kind),
      UNIQUE KEY ledger_request (account_id, request_id)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
