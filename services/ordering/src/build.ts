import { implement } from '@weft/chassis/server/implement';
import type { Built, DataParts } from '@weft/chassis/service';
import { OrderServiceService } from '@weft/proto/shop/ordering/v1/order';
import { OrderSagaServiceService } from '@weft/proto/shop/ordering/v1/saga';
import { orderArbiter } from './arbiter.ts';
import { idempotencyCleanup } from './idempotency.ts';
import { createOrderFeed } from './order-feed.ts';
import { orderSagaService } from './order-saga-service.ts';
import { orderService } from './order-service.ts';
import { versionsOf } from './order-store.ts';
import type { Tables } from './tables.ts';
import { createTimeline } from './timeline.ts';

/** Joins ordering's parts. */
export function build(parts: DataParts<Tables, Record<never, never>>): Built {
  const { contract, database, mesh, saga, logger } = parts;
  const feed = createOrderFeed({ versionsOf: (ids) => versionsOf(database.kysely, ids) });
  const arbiter = orderArbiter(saga, feed);
  const timeline = createTimeline(contract, mesh, saga);
  return {
    services: [
      implement(OrderServiceService, orderService({ database, arbiter, feed, timeline })),
      implement(OrderSagaServiceService, orderSagaService(arbiter)),
    ],
    background: [feed, idempotencyCleanup(database, logger)],
  };
}
