import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import { pageAfter, type Books } from '@weft/chassis/saga/saga';
import { sql } from 'kysely';
import type { Tables } from './tables.ts';

/** The pieces that orders hold or have bought, and whether each product's books agree. */
export const stockBooks: Books<Tables> = {
  async effects(db, sagaIds) {
    const rows = await db
      .selectFrom('reservation')
      .select(['saga_id', 'product_id', 'quantity'])
      .where('saga_id', 'in', sagaIds.map(uuidToBytes))
      .where('state', 'in', ['HELD', 'SOLD'])
      .execute();
    return rows.map((row) => ({
      sagaId: bytesToUuid(row.saga_id),
      kind: 'pieces',
      key: bytesToUuid(row.product_id),
      amount: BigInt(row.quantity),
    }));
  },
  async check(db, after, limit) {
    const { rows } = await sql<{
      id: Buffer;
      counted: string;
      stocked: string;
      reserved: number;
      held: string;
    }>`
      SELECT s.product_id AS id, s.available + s.reserved + s.sold AS counted, s.stocked, s.reserved,
        (SELECT COALESCE(SUM(r.quantity), 0) FROM reservation r
          WHERE r.state = 'HELD' AND r.product_id = s.product_id) AS held
      FROM stock s WHERE s.product_id > ${Buffer.from(after, 'hex')}
      ORDER BY s.product_id LIMIT ${sql.lit(limit)}`.execute(db);
    const drifts = rows.flatMap(({ id, counted, stocked, reserved, held }) => [
      ...(counted === stocked
        ? []
        : [
            {
              check: 'stock',
              key: bytesToUuid(id),
              expected: `${stocked} stocked`,
              found: `${counted} available, reserved and sold`,
            },
          ]),
      ...(String(reserved) === held
        ? []
        : [
            {
              check: 'reserved',
              key: bytesToUuid(id),
              expected: `${held} held by orders`,
              found: `${reserved} reserved`,
            },
          ]),
    ]);
    return {
      drifts,
      next: pageAfter(
        rows.map(({ id }) => id.toString('hex')),
        limit,
      ),
    };
  },
};
