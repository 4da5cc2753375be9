import type { Migration } from '@weft/chassis/data/migrations';

/** Books are kept from here on. */
export const stockStocked: Migration = {
  up: 'UPDATE stock SET stocked = available + reserved',
};
