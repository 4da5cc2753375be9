import type { Migration } from '@weft/chassis/data/migrations';

/** Sessions that were ended, in the order of their commits, until their last token has expired. */
export const revocation: Migration = {
  up: `
    CREATE TABLE revocation (
      sequence BIGINT NOT NULL PRIMARY KEY,
      session_id BINARY(16) NOT NULL,
      until DATETIME(3) NOT NULL,
      KEY revocation_until (until)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
