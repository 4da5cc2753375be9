import type { Migration } from '@weft/chassis/data/migrations';

/**
 * The other side of the books: `stocked` is what was put in less what was taken out, `sold` what orders took, so
 * that available + reserved + sold = stocked, always. `sold` is below 0 for a moment when pieces come back before
 * their sale was sealed.
 */
export const stockSold: Migration = {
  up: `
    ALTER TABLE stock
      ADD COLUMN sold BIGINT NOT NULL DEFAULT 0,
      ADD COLUMN stocked BIGINT NOT NULL DEFAULT 0`,
};
