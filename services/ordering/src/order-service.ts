import type { Database } from '@weft/chassis/data/database';
import { ServiceError } from '@weft/chassis/errors';
import { decodePageToken, encodePageToken, pageSize } from '@weft/chassis/resource/page';
import type { Handlers } from '@weft/chassis/server/implement';
import { requireUser } from '@weft/chassis/server/require-user';
import type { OrderServiceService } from '@weft/proto/shop/ordering/v1/order';
import type { OrderArbiter } from './arbiter.ts';
import { cancelOrder, type OrderCancel } from './cancel-order.ts';
import { isAdmin, visibleOrder } from './order-access.ts';
import type { OrderFeed } from './order-feed.ts';
import { orderMessage } from './order-message.ts';
import * as store from './order-store.ts';
import { placeOrder } from './place-order.ts';
import type { Tables } from './tables.ts';
import type { Timeline } from './timeline.ts';
import { watchOrder } from './watch-order.ts';

export interface OrderServiceOptions {
  readonly database: Database<Tables>;
  readonly arbiter: OrderArbiter;
  readonly cancel: OrderCancel;
  readonly feed: OrderFeed;
  readonly timeline: Timeline;
}

/** The handlers of shop.ordering.v1.OrderService. */
export function orderService(options: OrderServiceOptions): Handlers<OrderServiceService> {
  const { database, arbiter, feed, timeline } = options;
  const { kysely } = database;
  return {
    placeOrder: (request, context) => placeOrder(database, arbiter, requireUser(context), request),

    async getOrder({ id }, context) {
      return orderMessage(await visibleOrder(kysely, id, requireUser(context)));
    },

    async listOrders({ pageSize: requested, pageToken }, context) {
      const user = requireUser(context);
      const userId = isAdmin(user) ? undefined : user.id;
      const size = pageSize(requested);
      const scope = ['orders', userId ?? '*'];
      const before = decodePageToken(pageToken, scope);
      const found = await store.listOrders(kysely, { userId, before, limit: size + 1 });
      const page = found.slice(0, size);
      const last = found.length > size ? page.at(-1) : undefined;
      return {
        orders: page.map(orderMessage),
        nextPageToken: last === undefined ? '' : encodePageToken(last.id, scope),
      };
    },

    async cancelOrder({ id }, context) {
      const user = requireUser(context);
      const order = await visibleOrder(kysely, id, user);
      await cancelOrder(options, order);
      const now = await visibleOrder(kysely, id, user);
      if (now.status === 'CANCELLED') return orderMessage(now);
      throw new ServiceError('FAILED_PRECONDITION', 'ORDER_DECIDED', `the order is ${now.status} already`);
    },

    watchOrder: ({ id }, context) => watchOrder(kysely, feed, id, context),

    async getOrderTimeline({ id }, context) {
      const order = await visibleOrder(kysely, id, requireUser(context));
      return { orderId: order.id, events: await timeline(order) };
    },
  };
}
