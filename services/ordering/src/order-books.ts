import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import { pageAfter, type Books } from '@weft/chassis/saga/saga';
import { sql } from 'kysely';
import type { Status } from './order.ts';
import type { Tables } from './tables.ts';

/** The decision of its saga that an order of a status may have. */
const decisions: Readonly<Record<Status, readonly string[]>> = {
  PENDING: ['PENDING'],
  CONFIRMED: ['COMMITTED'],
  REJECTED: ['ABORTED'],
  // Before it was confirmed, or after.
  CANCELLED: ['ABORTED', 'COMMITTED'],
};

/** What confirmed orders must have cost and taken, and whether each order's status is what its saga decided. */
export const orderBooks: Books<Tables> = {
  async expected(db, sagaIds) {
    const rows = await db
      .selectFrom('orders')
      .innerJoin('order_item', 'order_item.order_id', 'orders.id')
      .select(['orders.id', 'user_id', 'total_minor', 'product_id', 'quantity', 'position'])
      .where('orders.id', 'in', sagaIds.map(uuidToBytes))
      .where('status', '=', 'CONFIRMED')
      .execute();
    const pieces = rows.map((row) => ({
      sagaId: bytesToUuid(row.id),
      kind: 'pieces',
      key: bytesToUuid(row.product_id),
      amount: BigInt(row.quantity),
    }));
    const money = rows
      .filter((row) => row.position === 0)
      .map((row) => ({
        sagaId: bytesToUuid(row.id),
        kind: 'money',
        key: bytesToUuid(row.user_id),
        amount: BigInt(row.total_minor ?? 0),
      }));
    return [...pieces, ...money];
  },
  async check(db, after, limit) {
    const { rows } = await sql<{ id: Buffer; status: Status; decision: string | null }>`
      SELECT o.id, o.status, s.state AS decision FROM orders o LEFT JOIN saga s ON s.saga_id = o.id
      WHERE o.id > ${Buffer.from(after, 'hex')} ORDER BY o.id LIMIT ${sql.lit(limit)}`.execute(db);
    const drifts = rows
      // A saga that was decided long ago is not kept.
      .filter(({ status, decision }) =>
        decision === null ? status === 'PENDING' : !decisions[status].includes(decision),
      )
      .map(({ id, status, decision }) => ({
        check: 'order',
        key: bytesToUuid(id),
        expected: `${decision ?? 'no saga'} by its saga`,
        found: status,
      }));
    return {
      drifts,
      next: pageAfter(
        rows.map(({ id }) => id.toString('hex')),
        limit,
      ),
    };
  },
};
