import type { Migration } from '@weft/chassis/data/migrations';

/** A session lives until `expires_at`; ending it sets that to now. Hashes are SHA-256 of refresh tokens. */
export const session: Migration = {
  up: `
    CREATE TABLE session (
      id BINARY(16) NOT NULL PRIMARY KEY,
      account_id BINARY(16) NOT NULL,
      current_hash BINARY(32) NOT NULL,
      previous_hash BINARY(32) NULL,
      rotated_at DATETIME(3) NOT NULL,
      expires_at DATETIME(3) NOT NULL,
      KEY session_expires (expires_at)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
