import type { Handlers } from '@weft/chassis/server/implement';
import type { OrderSagaServiceService } from '@weft/proto/shop/ordering/v1/saga';
import type { OrderArbiter } from './arbiter.ts';

/** The handlers of shop.ordering.v1.OrderSagaService. */
export function orderSagaService({
  confirm,
  fail,
  getOutcome,
}: OrderArbiter): Handlers<OrderSagaServiceService> {
  return { confirm, fail, getOutcome };
}
