import type { User } from '@weft/chassis/call-context';
import type { Database } from '@weft/chassis/data/database';
import { isUuid, uuidv7 } from '@weft/chassis/data/uuid';
import { invalidArgument } from '@weft/chassis/errors';
import { moneyViolations } from '@weft/chassis/resource/money';
import { requestIdViolations } from '@weft/chassis/resource/text';
import { Order, PlaceOrderRequest } from '@weft/proto/shop/ordering/v1/order';
import type { Transaction } from 'kysely';
import type { OrderArbiter } from './arbiter.ts';
import { once } from './idempotency.ts';
import { currency, itemViolations, normalisedItems } from './order.ts';
import { orderMessage } from './order-message.ts';
import { insertOrder } from './order-store.ts';
import { asLastHeard } from './product-copy.ts';
import type { Tables } from './tables.ts';

/** Any total fits: it is compared by the catalog, not stored. */
const maxTotalMinor = 2n ** 63n * 100n;

/**
 * Places an order: its row, its saga and the first message of that, and the record of the request's id, in
 * one transaction. The order is PENDING; the message goes out right after the commit.
 */
export async function placeOrder(
  database: Database<Tables>,
  arbiter: OrderArbiter,
  user: User,
  request: PlaceOrderRequest,
): Promise<Order> {
  const { requestId, expectedTotal } = request;
  const violations = [
    ...itemViolations(request.items, isUuid),
    ...(expectedTotal === undefined
      ? []
      : moneyViolations('expected_total', expectedTotal, { currency, min: 1n, max: maxTotalMinor })),
    ...requestIdViolations('request_id', requestId),
  ];
  if (violations.length > 0) throw invalidArgument(...violations);
  const items = normalisedItems(request.items);
  // For the eyes of the buyer. The catalog decides, by its own.
  const shown = await asLastHeard(database.kysely, items);

  const insert = async (tx: Transaction<Tables>): Promise<Order> => {
    const id = uuidv7();
    const now = new Date();
    await insertOrder(tx, { id, userId: user.id, items: shown, now });
    await arbiter.start(tx, { sagaId: id, userId: user.id }, { items, expectedTotal });
    return orderMessage({
      id,
      userId: user.id,
      status: 'PENDING',
      reason: undefined,
      items: shown,
      totalMinor: undefined,
      version: 1,
      createdAt: now,
      updatedAt: now,
    });
  };

  if (requestId === '') return database.transaction(insert);
  const key = { userId: user.id, requestId };
  const body = PlaceOrderRequest.encode({ items, expectedTotal, requestId: '' }).finish();
  const answer = await database.transaction(
    (tx) => once(tx, key, body, async () => Order.encode(await insert(tx)).finish()),
    { idempotent: true },
  );
  return Order.decode(answer);
}
