import { etagOf } from '@weft/chassis/resource/etag';
import { fromMinor } from '@weft/chassis/resource/money';
import { toTimestamp } from '@weft/chassis/resource/timestamp';
import { Order_Reason, Order_Status, type Order } from '@weft/proto/shop/ordering/v1/order';
import { currency } from './order.ts';
import type { StoredOrder } from './order-store.ts';

/**
 * A stored order as the contract has it. A reason that the contract does not name is REASON_UNSPECIFIED
 * here; the row and the timeline keep its text.
 */
export function orderMessage(order: StoredOrder): Order {
  return {
    id: order.id,
    userId: order.userId,
    status: Order_Status[order.status],
    reason: reasonMessage(order.reason),
    items: order.items.map(({ productId, quantity, name, unitPriceMinor }) => ({
      productId,
      name: name ?? '',
      quantity,
      unitPrice: money(unitPriceMinor),
    })),
    total: money(order.totalMinor),
    createTime: toTimestamp(order.createdAt),
    updateTime: toTimestamp(order.updatedAt),
    etag: etagOf(order.version),
  };
}

function reasonMessage(reason: string | undefined): Order_Reason {
  const known = Object.entries(Order_Reason).find(([name]) => name === reason);
  return known === undefined ? Order_Reason.REASON_UNSPECIFIED : known[1];
}

function money(minor: bigint | undefined) {
  return minor === undefined ? undefined : fromMinor(minor, currency);
}
