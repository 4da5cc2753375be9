import type { User } from '@weft/chassis/call-context';
import { isUuid } from '@weft/chassis/data/uuid';
import { ServiceError } from '@weft/chassis/errors';
import type { Kysely } from 'kysely';
import { orderById, type StoredOrder } from './order-store.ts';
import type { Tables } from './tables.ts';

/** Whether the user sees everybody's orders. */
export function isAdmin(user: User): boolean {
  return user.roles.includes('admin');
}

/** The order, if the user may see it. Another's is NOT_FOUND, like one that does not exist. */
export async function visibleOrder(db: Kysely<Tables>, id: string, user: User): Promise<StoredOrder> {
  const order = isUuid(id) ? await orderById(db, id) : undefined;
  if (order === undefined || (order.userId !== user.id && !isAdmin(user)))
    throw new ServiceError('NOT_FOUND', 'ORDER_NOT_FOUND', 'there is no such order');
  return order;
}
