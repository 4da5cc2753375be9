import { implement } from '@weft/chassis/server/implement';
import type { DataServiceOptions } from '@weft/chassis/service';
import { OrderServiceService } from '@weft/proto/shop/ordering/v1/order';
import { OrderSagaServiceService } from '@weft/proto/shop/ordering/v1/saga';
import { orderArbiter } from './arbiter.ts';
import { orderCancel } from './cancel-order.ts';
import { idempotencyCleanup } from './idempotency.ts';
import { followProducts } from './follow-products.ts';
import { migrations } from './migrations/index.ts';
import { createOrderFeed } from './order-feed.ts';
import { orderBooks } from './order-books.ts';
import { orderSagaService } from './order-saga-service.ts';
import { orderService } from './order-service.ts';
import { versionsOf } from './order-store.ts';
import type { Tables } from './tables.ts';
import { createTimeline } from './timeline.ts';

/** Ordering, as the chassis runs it. */
export const ordering: DataServiceOptions<Tables, Record<never, never>> = {
  name: 'ordering',
  migrations,
  build({ contract, database, mesh, saga, logger }) {
    saga.audit(orderBooks);
    const feed = createOrderFeed({ versionsOf: (ids) => versionsOf(database.kysely, ids) });
    const arbiter = orderArbiter(saga, feed);
    const cancel = orderCancel(saga);
    const timeline = createTimeline(contract, mesh, saga);
    const products = followProducts(database, mesh, logger);
    return {
      services: [
        implement(OrderServiceService, orderService({ database, arbiter, cancel, feed, timeline })),
        implement(OrderSagaServiceService, orderSagaService(arbiter)),
      ],
      background: [feed, products.background, idempotencyCleanup(database, logger)],
      dependencies: [products.dependency],
    };
  },
};
