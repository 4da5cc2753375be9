import type { Migration } from '@weft/chassis/data/migrations';

/** From here on a reservation stays: HELD while the order is undecided, then SOLD. What an order took is on record. */
export const reservationState: Migration = {
  up: `
    ALTER TABLE reservation
      ADD COLUMN state VARCHAR(8) NOT NULL DEFAULT 'HELD',
      ADD KEY reservation_state (state, product_id)`,
};
