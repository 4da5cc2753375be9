import type { Migration } from '@weft/chassis/data/migrations';

/** Every refresh token that was given out, so that an old one is known when it comes back. */
export const refreshToken: Migration = {
  up: `
    CREATE TABLE refresh_token (
      hash BINARY(32) NOT NULL PRIMARY KEY,
      session_id BINARY(16) NOT NULL,
      created_at DATETIME(3) NOT NULL,
      KEY refresh_token_created (created_at)
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
