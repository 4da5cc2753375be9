import type { FieldViolation } from '@weft/chassis/errors';

/** The shop's one currency. */
export const currency = 'EUR';

const maxItems = 100;
const maxQuantity = 1000;

/** An order is PENDING until its saga is decided. After that only a CONFIRMED one can change: to CANCELLED. */
export type Status = 'PENDING' | 'CONFIRMED' | 'REJECTED' | 'CANCELLED';

/** Whether it is decided what becomes of the order. */
export function isDecided(status: Status): boolean {
  return status !== 'PENDING';
}

/** What is asked for. */
export interface Item {
  readonly productId: string;
  readonly quantity: number;
}

/** Everything that is wrong with the items of an order, each as its path in the request. */
export function itemViolations(items: readonly Item[], isId: (text: string) => boolean): FieldViolation[] {
  if (items.length === 0 || items.length > maxItems)
    return [{ field: 'items', description: `must be 1 to ${maxItems} items` }];
  const firstAt = new Map<string, number>();
  return items.flatMap(({ productId, quantity }, at) => {
    const found: FieldViolation[] = [];
    const id = productId.toLowerCase();
    const earlier = firstAt.get(id);
    const field = `items[${at}].product_id`;
    if (!isId(id)) found.push({ field, description: 'must be a UUID' });
    else if (earlier !== undefined)
      found.push({ field, description: `is the product of items[${earlier}] too` });
    else firstAt.set(id, at);
    if (!Number.isInteger(quantity) || quantity < 1 || quantity > maxQuantity)
      found.push({ field: `items[${at}].quantity`, description: `must be 1 to ${maxQuantity}` });
    return found;
  });
}

/** The items with their ids as they are stored and compared: lower case. */
export function normalisedItems(items: readonly Item[]): Item[] {
  return items.map(({ productId, quantity }) => ({ productId: productId.toLowerCase(), quantity }));
}
