import { isUuid } from '@weft/chassis/data/uuid';
import { invalidArgument, type FieldViolation } from '@weft/chassis/errors';
import { fromMinor, moneyViolations, toMinor } from '@weft/chassis/resource/money';
import { done, refused, type Saga } from '@weft/chassis/saga/saga';
import type { Handlers } from '@weft/chassis/server/implement';
import {
  StockServiceService,
  type ReserveRequest,
  type RestockRequest,
} from '@weft/proto/shop/catalog/v1/stock';
import { WalletServiceService } from '@weft/proto/shop/identity/v1/wallet';
import { currency } from './product.ts';
import { quote } from './quote.ts';
import { restock } from './restock.ts';
import * as store from './stock-store.ts';
import type { Tables } from './tables.ts';

/** The handlers of shop.catalog.v1.StockService: the catalog's part in the sagas of an order. */
export function stockService(saga: Saga<Tables>): Handlers<StockServiceService> {
  return {
    reserve: saga.step(
      StockServiceService.reserve,
      WalletServiceService.charge,
      async (tx, { items: asked, expectedTotal }, { sagaId }) => {
        requireValid(asked, expectedTotal);
        const items = asked.map((item) => ({ ...item, productId: item.productId.toLowerCase() }));
        const ids = items.map((item) => item.productId);
        const expected = expectedTotal && toMinor(expectedTotal);
        const quoted = quote(items, await store.offers(tx, ids), expected);
        if (quoted.kind === 'refused') return refused(quoted.reason);
        if (!(await store.hold(tx, sagaId, items))) {
          // Another order was faster. What is left now says why; what was held is rolled back.
          const again = quote(items, await store.offers(tx, ids), expected);
          return refused(again.kind === 'refused' ? again.reason : 'OUT_OF_STOCK');
        }
        return done({
          amount: fromMinor(quoted.totalMinor, currency),
          items: quoted.lines.map((line) => ({
            productId: line.productId,
            name: line.name,
            quantity: line.quantity,
            unitPrice: fromMinor(line.priceMinor, currency),
          })),
        });
      },
    ),
    release: saga.undo(StockServiceService.release, (tx, { sagaId }) => store.giveBack(tx, sagaId)),
    commit: saga.final(StockServiceService.commit, (tx, { sagaId }) => store.sell(tx, sagaId)),
    restock: saga.must(StockServiceService.restock, async (tx, { items }, { sagaId }) => {
      requireItems(items);
      await restock(tx, sagaId, items);
    }),
    listStockEvents: saga.log(StockServiceService.listStockEvents),
  };
}

/** A request that no ordering service would send must not be guessed at: INVALID_ARGUMENT parks it. */
function requireValid(items: ReserveRequest['items'], expectedTotal: ReserveRequest['expectedTotal']): void {
  const violations = itemViolations(items);
  if (expectedTotal !== undefined)
    violations.push(
      ...moneyViolations('expected_total', expectedTotal, { currency, min: 0n, max: 2n ** 63n * 100n }),
    );
  if (violations.length > 0) throw invalidArgument(...violations);
}

function requireItems(items: RestockRequest['items']): void {
  const violations = itemViolations(items);
  if (violations.length > 0) throw invalidArgument(...violations);
}

function itemViolations(items: ReserveRequest['items']): FieldViolation[] {
  const violations: FieldViolation[] = items.flatMap(({ productId, quantity }, at) => [
    ...(isUuid(productId) ? [] : [{ field: `items[${at}].product_id`, description: 'must be a UUID' }]),
    ...(quantity > 0 ? [] : [{ field: `items[${at}].quantity`, description: 'must be positive' }]),
  ]);
  const distinct = new Set(items.map((item) => item.productId.toLowerCase()));
  if (items.length === 0 || distinct.size < items.length)
    violations.push({ field: 'items', description: 'must be different products, at least one' });
  return violations;
}
