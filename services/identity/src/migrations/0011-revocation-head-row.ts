import type { Migration } from '@weft/chassis/data/migrations';

export const revocationHeadRow: Migration = {
  up: 'INSERT INTO revocation_head (id, sequence) VALUES (1, 0) ON DUPLICATE KEY UPDATE id = id',
};
