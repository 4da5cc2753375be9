import type { Migration } from '@weft/chassis/data/migrations';
import { publisherMigrations } from '@weft/chassis/feed/schema';
import { product } from './0001-product.ts';
import { stock } from './0002-stock.ts';
import { reservation } from './0003-reservation.ts';
import { reservationState } from './0004-reservation-state.ts';
import { stockSold } from './0005-stock-sold.ts';
import { stockStocked } from './0006-stock-stocked.ts';

/** The catalog's schema, in the order of the names. One that has run anywhere is never edited. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001_product': product,
  '0002_stock': stock,
  '0003_reservation': reservation,
  '0004_reservation_state': reservationState,
  '0005_stock_sold': stockSold,
  '0006_stock_stocked': stockStocked,
  ...publisherMigrations,
};
