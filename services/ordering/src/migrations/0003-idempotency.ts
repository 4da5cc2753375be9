import type { Migration } from '@weft/chassis/data/migrations';

/** What was answered to a request that has an id. The id is bytes: blanks at its end count. */
export const idempotency: Migration = {
  up: `
    CREATE TABLE idempotency (
      user_id BINARY(16) NOT NULL,
      request_id VARBINARY(255) NOT NULL,
      request_hash BINARY(32) NOT NULL,
      response MEDIUMBLOB NULL,
      seen INT NOT NULL DEFAULT 1,
      created_at DATETIME(3) NOT NULL,
      PRIMARY KEY (user_id, request_id),
      KEY idempotency_created (created_at)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
