import type { Migration } from '@weft/chassis/data/migrations';

/** One row, locked by the instance that makes the next signing key, so that only one of them does. */
export const rotationLock: Migration = {
  up: 'CREATE TABLE rotation_lock (id INT NOT NULL PRIMARY KEY)',
};
