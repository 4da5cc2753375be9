import type { Migration } from '@weft/chassis/data/migrations';

/** Sign-ins that failed or are under way, by the SHA-256 of the address, whether it has an account or not. */
export const signInAttempt: Migration = {
  up: `
    CREATE TABLE sign_in_attempt (
      address_hash BINARY(32) NOT NULL PRIMARY KEY,
      failures INT NOT NULL,
      last_at DATETIME(3) NOT NULL,
      KEY sign_in_attempt_last (last_at)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
