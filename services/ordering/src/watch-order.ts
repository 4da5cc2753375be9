import type { CallContext } from '@weft/chassis/call-context';
import { ServiceError } from '@weft/chassis/errors';
import { requireUser } from '@weft/chassis/server/require-user';
import type { Order } from '@weft/proto/shop/ordering/v1/order';
import type { Kysely } from 'kysely';
import { isDecided } from './order.ts';
import { visibleOrder } from './order-access.ts';
import type { OrderFeed } from './order-feed.ts';
import { orderMessage } from './order-message.ts';
import type { Tables } from './tables.ts';

/** Far above the time in which an order is decided: only a broken saga gets there. */
const longestWatchMs = 5 * 60_000;

/**
 * Yields the order at once and after each change, until it is decided or the caller goes away. A later cancel
 * of a confirmed order is not waited for: it may come in a year, or never. It ends with UNAVAILABLE when this instance stops, and after five minutes.
 */
export async function* watchOrder(
  db: Kysely<Tables>,
  feed: OrderFeed,
  id: string,
  context: CallContext,
): AsyncGenerator<Order> {
  const user = requireUser(context);
  await visibleOrder(db, id, user);
  const watch = feed.watch(id.toLowerCase());
  const tooLong = new AbortController();
  const timer = setTimeout(() => tooLong.abort(), longestWatchMs);
  const signal = AbortSignal.any([context.signal, tooLong.signal]);
  try {
    for (let seen: number | undefined; !signal.aborted;) {
      const order = await visibleOrder(db, id, user);
      if (order.version !== seen) yield orderMessage(order);
      if (isDecided(order.status)) return;
      seen = order.version;
      await watch.change(seen, signal);
    }
    if (tooLong.signal.aborted)
      throw new ServiceError('UNAVAILABLE', 'WATCH_TOO_LONG', 'still pending; watch again');
  } finally {
    clearTimeout(timer);
    watch.close();
  }
}
