import type { Migration } from '@weft/chassis/data/migrations';

/** `sealed_private_key` is encrypted, see key-encryption.ts. A key signs from `signs_from` to its successor's. */
export const signingKey: Migration = {
  up: `
    CREATE TABLE signing_key (
      kid VARCHAR(64) NOT NULL PRIMARY KEY,
      public_jwk TEXT NOT NULL,
      sealed_private_key VARBINARY(1024) NOT NULL,
      signs_from DATETIME(3) NOT NULL
    ) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`,
};
