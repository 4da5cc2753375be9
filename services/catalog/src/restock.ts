import { defer } from '@weft/chassis/data/statement';
import { uuidToBytes } from '@weft/chassis/data/uuid';
import { sql, type Transaction } from 'kysely';
import type { OrderedItem } from './quote.ts';
import type { Tables } from './tables.ts';

/**
 * Makes the pieces of an order that was cancelled after it was confirmed available again, once: its reservation
 * says whether they are sold, or still held because this has overtaken the sale, which then finds nothing to
 * sell. An order from before sales were put on record has none, and counts as sold. A product that is gone by
 * now has no stock to go back to.
 */
export async function restock(
  tx: Transaction<Tables>,
  sagaId: string,
  items: readonly OrderedItem[],
): Promise<void> {
  const saga = uuidToBytes(sagaId);
  const keyed = items.map(({ productId, quantity }) => ({ key: uuidToBytes(productId), quantity }));
  await tx
    .insertInto('reservation')
    .values(
      keyed
        .toSorted((a, b) => a.key.compare(b.key))
        .map(({ key, quantity }) => ({ saga_id: saga, product_id: key, quantity, state: 'SOLD' as const })),
    )
    .onDuplicateKeyUpdate({ saga_id: saga })
    .execute();
  // The same way through the keys as every other order takes: see the stock's own statements.
  await sql`
    UPDATE reservation FORCE INDEX (PRIMARY) STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.product_id = reservation.product_id
    SET available = available + quantity,
        reserved = reserved - IF(reservation.state = 'HELD', quantity, 0),
        sold = sold - IF(reservation.state = 'SOLD', quantity, 0)
    WHERE reservation.saga_id = ${saga} AND reservation.state IN ('HELD', 'SOLD')`.execute(tx);
  const returned = tx.updateTable('reservation').set({ state: 'RETURNED' }).where('saga_id', '=', saga);
  await defer(tx, [returned.compile()]);
}
