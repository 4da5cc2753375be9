import type { Migration } from '@weft/chassis/data/migrations';

/**
 * One row with the last sequence that was given. It is locked until the commit, so that nobody sees a sequence
 * before all those below it.
 */
export const revocationHead: Migration = {
  up: 'CREATE TABLE revocation_head (id INT NOT NULL PRIMARY KEY, sequence BIGINT NOT NULL)',
};
