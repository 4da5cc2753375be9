import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import { pageAfter, type Books } from '@weft/chassis/saga/saga';
import { sql } from 'kysely';
import type { Tables } from './tables.ts';

/** What orders were charged and not refunded, and whether each balance is the sum of its ledger. */
export const walletBooks: Books<Tables> = {
  async effects(db, sagaIds) {
    const rows = await db
      .selectFrom('ledger')
      .select(['saga_id', 'account_id', sql<string>`-SUM(amount_minor)`.as('charged')])
      .where('saga_id', 'in', sagaIds.map(uuidToBytes))
      .groupBy(['saga_id', 'account_id'])
      .having(sql`SUM(amount_minor)`, '<>', sql.lit(0))
      .execute();
    return rows.flatMap(({ saga_id: sagaId, account_id: accountId, charged }) =>
      sagaId === null
        ? []
        : [
            {
              sagaId: bytesToUuid(sagaId),
              kind: 'money',
              key: bytesToUuid(accountId),
              amount: BigInt(charged),
            },
          ],
    );
  },
  async check(db, after, limit) {
    const { rows } = await sql<{ id: Buffer; balance: string; entries: string }>`
      SELECT w.account_id AS id, w.balance_minor AS balance,
        (SELECT COALESCE(SUM(l.amount_minor), 0) FROM ledger l WHERE l.account_id = w.account_id) AS entries
      FROM wallet w WHERE w.account_id > ${Buffer.from(after, 'hex')}
      ORDER BY w.account_id LIMIT ${sql.lit(limit)}`.execute(db);
    const drifts = rows
      .filter(({ balance, entries }) => balance !== entries)
      .map(({ id, balance, entries }) => ({
        check: 'wallet',
        key: bytesToUuid(id),
        expected: `${entries} by its ledger`,
        found: `${balance} in the wallet`,
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
