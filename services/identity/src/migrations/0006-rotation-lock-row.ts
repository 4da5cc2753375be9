import type { Migration } from '@weft/chassis/data/migrations';

/** The row of rotation_lock. */
export const rotationLockRow: Migration = {
  up: 'INSERT INTO rotation_lock (id) VALUES (1)',
};
