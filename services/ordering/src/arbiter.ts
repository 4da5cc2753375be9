import { afterCommit } from '@weft/chassis/data/database';
import { invalidArgument, type FieldViolation } from '@weft/chassis/errors';
import { moneyViolations, toMinor } from '@weft/chassis/resource/money';
import type { Arbiter, Saga } from '@weft/chassis/saga/saga';
import { StockServiceService, type ReserveRequest } from '@weft/proto/shop/catalog/v1/stock';
import { OrderServiceService } from '@weft/proto/shop/ordering/v1/order';
import { OrderSagaServiceService, type ConfirmRequest } from '@weft/proto/shop/ordering/v1/saga';
import { currency } from './order.ts';
import type { OrderFeed } from './order-feed.ts';
import { decide, priceItems, type PricedItem } from './order-store.ts';
import type { Tables } from './tables.ts';

export type OrderArbiter = Arbiter<Tables, ReserveRequest, ConfirmRequest>;

/** Makes the order's row the one that decides its saga; watchers hear of it once it is committed. */
export function orderArbiter(saga: Saga<Tables>, feed: OrderFeed): OrderArbiter {
  return saga.arbiter<ReserveRequest, ConfirmRequest>({
    start: OrderServiceService.placeOrder,
    next: StockServiceService.reserve,
    commit: OrderSagaServiceService.confirm,
    abort: OrderSagaServiceService.fail,
    outcome: OrderSagaServiceService.getOutcome,
    async confirm(tx, request, { sagaId }) {
      const { items, totalMinor } = priced(request);
      if (!(await decide(tx, sagaId, { status: 'CONFIRMED', totalMinor }))) return false;
      await priceItems(tx, sagaId, items);
      afterCommit(tx, () => feed.changed(sagaId));
      return true;
    },
    async reject(tx, { sagaId }, reason) {
      if (!(await decide(tx, sagaId, { status: 'REJECTED', reason }))) return false;
      afterCommit(tx, () => feed.changed(sagaId));
      return true;
    },
  });
}

/** A confirmation without valid prices must not be guessed at: INVALID_ARGUMENT parks it. */
function priced({ items, total }: ConfirmRequest): { items: PricedItem[]; totalMinor: bigint } {
  const rule = { currency, min: 1n, max: 2n ** 63n - 1n };
  const violations: FieldViolation[] = moneyViolations('total', total, rule);
  const found = items.flatMap(({ productId, name, unitPrice }, at) => {
    violations.push(...moneyViolations(`items[${at}].unit_price`, unitPrice, rule));
    return unitPrice === undefined ? [] : [{ productId, name, unitPrice }];
  });
  if (total === undefined || violations.length > 0) throw invalidArgument(...violations);
  return {
    items: found.map(({ productId, name, unitPrice }) => ({
      productId,
      name,
      unitPriceMinor: toMinor(unitPrice),
    })),
    totalMinor: toMinor(total),
  };
}
