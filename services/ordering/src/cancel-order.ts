import { afterCommit, type Database } from '@weft/chassis/data/database';
import { fromMinor } from '@weft/chassis/resource/money';
import type { Decision, MustBodies, Saga } from '@weft/chassis/saga/saga';
import { StockServiceService } from '@weft/proto/shop/catalog/v1/stock';
import { WalletServiceService } from '@weft/proto/shop/identity/v1/wallet';
import { OrderServiceService } from '@weft/proto/shop/ordering/v1/order';
import type { OrderArbiter } from './arbiter.ts';
import { currency } from './order.ts';
import type { OrderFeed } from './order-feed.ts';
import { cancelConfirmed, decide, orderById, type StoredOrder } from './order-store.ts';
import type { Tables } from './tables.ts';

/** What follows when a confirmed order is cancelled. */
const musts = { refund: WalletServiceService.refundOrder, restock: StockServiceService.restock };

export type OrderCancel = Decision<Tables, typeof musts>;

/** Lets this service decide that a confirmed order is cancelled. */
export function orderCancel(saga: Saga<Tables>): OrderCancel {
  return saga.decision(OrderServiceService.cancelOrder, musts);
}

/**
 * Cancels an order, in one transaction, if it is PENDING (its saga is aborted) or CONFIRMED (what was paid and
 * sold is given back); any other order is left as it is. Nothing is left half done whichever of cancel and
 * confirm comes first: both lock the saga's row before the order's.
 */
export async function cancelOrder(
  parts: {
    readonly database: Database<Tables>;
    readonly arbiter: OrderArbiter;
    readonly cancel: OrderCancel;
    readonly feed: OrderFeed;
  },
  { id, userId }: StoredOrder,
): Promise<void> {
  const { database, arbiter, cancel, feed } = parts;
  await database.transaction(
    async (tx) => {
      const aborted = await arbiter.abort(tx, id, 'CANCELLED', () => decide(tx, id, { status: 'CANCELLED' }));
      const cancelled =
        aborted ||
        (await cancel.decide(tx, { sagaId: id, userId }, async () =>
          (await cancelConfirmed(tx, id)) ? amounts(await orderById(tx, id)) : undefined,
        ));
      if (cancelled) afterCommit(tx, () => feed.changed(id));
    },
    { idempotent: true },
  );
}

/** What was paid and sold, as the order's own rows have it since it was confirmed. */
function amounts(order: StoredOrder | undefined): MustBodies<typeof musts> {
  if (order?.totalMinor === undefined) throw new Error('a confirmed order has no total');
  const items = order.items.map(({ productId, quantity }) => ({ productId, quantity }));
  return { refund: { amount: fromMinor(order.totalMinor, currency) }, restock: { items } };
}
