import { openDatabase } from '@weft/chassis/data/database';
import type { System } from '@weft/tools/system';
import { sql } from 'kysely';

/** What the three databases say together. */
export interface Audit {
  /** Pieces that are held for orders. */
  readonly holds: number;
  /** Messages that are still to be delivered. */
  readonly outbox: number;
  /** Pieces in confirmed orders. */
  readonly soldPieces: number;
  /** Each thing that must never be, in words. Only meaningful when nothing is held or to be delivered. */
  readonly faults: readonly string[];
}

interface OrderRow {
  readonly id: string;
  readonly status: string;
  readonly total: string | null;
  readonly pieces: string;
}

/** Compares orders, stock and money across the databases of the three services. */
export async function audit({ databaseUrls }: Pick<System, 'databaseUrls'>): Promise<Audit> {
  const [orders, charges, steps, wallets, holds, reserved, outbox] = await Promise.all([
    query<OrderRow>(
      databaseUrls['ordering'],
      sql`SELECT HEX(o.id) id, o.status, o.total_minor total, SUM(i.quantity) pieces
          FROM orders o JOIN order_item i ON i.order_id = o.id GROUP BY o.id, o.status, o.total_minor`,
    ),
    query<{ id: string; charged: string; entries: number }>(
      databaseUrls['identity'],
      sql`SELECT HEX(saga_id) id, -SUM(amount_minor) charged, COUNT(*) entries
          FROM ledger WHERE saga_id IS NOT NULL GROUP BY saga_id`,
    ),
    query<{ id: string; state: string | null; restock: string | null }>(
      databaseUrls['catalog'],
      sql`SELECT HEX(saga_id) id, MAX(IF(step LIKE '%/Reserve', state, NULL)) state,
            MAX(IF(step LIKE '%/Restock', state, NULL)) restock FROM saga_step GROUP BY saga_id`,
    ),
    query<{ id: string; balance: string; ledger: string }>(
      databaseUrls['identity'],
      sql`SELECT HEX(w.account_id) id, w.balance_minor balance, COALESCE(SUM(l.amount_minor), 0) ledger
          FROM wallet w LEFT JOIN ledger l ON l.account_id = w.account_id GROUP BY w.account_id, w.balance_minor`,
    ),
    query<{ id: string; pieces: string }>(
      databaseUrls['catalog'],
      sql`SELECT HEX(product_id) id, SUM(quantity) pieces FROM reservation WHERE state = 'HELD' GROUP BY product_id`,
    ),
    query<{ id: string; pieces: number }>(
      databaseUrls['catalog'],
      sql`SELECT HEX(product_id) id, reserved pieces FROM stock WHERE reserved <> 0`,
    ),
    Promise.all(
      Object.values(databaseUrls).map((url) =>
        query<{ rows: string }>(url, sql`SELECT COUNT(*) AS \`rows\` FROM saga_outbox`),
      ),
    ),
  ]);

  const faults: string[] = [];
  const expect = (what: string, found: unknown, wanted: unknown) => {
    if (String(found) !== String(wanted)) faults.push(`${what}: ${String(found)}, not ${String(wanted)}`);
  };
  const paid = new Map(charges.map((row) => [row.id, row]));
  const stockSteps = new Map(steps.map((row) => [row.id, row]));
  for (const { id, status, total } of orders) {
    const { charged = '0', entries = 0 } = paid.get(id) ?? {};
    const stock = stockSteps.get(id);
    if (status === 'CONFIRMED') {
      expect(`order ${id} CONFIRMED, charged`, charged, total);
      expect(`order ${id} CONFIRMED, ledger entries`, entries, 1);
      expect(`order ${id} CONFIRMED, stock`, stock?.state, 'COMMITTED');
    } else if (status === 'CANCELLED' && total !== null) {
      expect(`order ${id} CANCELLED after it was CONFIRMED, charged`, charged, 0);
      expect(`order ${id} CANCELLED after it was CONFIRMED, ledger entries`, entries, 2);
      expect(`order ${id} CANCELLED after it was CONFIRMED, sale`, stock?.state, 'COMMITTED');
      expect(`order ${id} CANCELLED after it was CONFIRMED, restock`, stock?.restock, 'COMMITTED');
    } else {
      expect(`order ${id} ${status}, charged`, charged, 0);
      if (status === 'PENDING') faults.push(`order ${id} is still PENDING`);
      if (['DONE', 'COMMITTED'].includes(stock?.state ?? '')) faults.push(`order ${id} ${status} has stock`);
    }
  }
  const known = new Set(orders.map(({ id }) => id));
  for (const { id } of charges) if (!known.has(id)) faults.push(`a charge for ${id}, which is no order`);
  for (const { id, balance, ledger } of wallets)
    expect(`wallet ${id}, balance against ledger`, balance, ledger);
  const held = new Map(holds.map(({ id, pieces }) => [id, pieces]));
  for (const { id, pieces } of reserved) expect(`product ${id}, reserved`, pieces, held.get(id) ?? 0);

  const sum = (values: readonly (string | number)[]) =>
    values.reduce<number>((total, value) => total + Number(value), 0);
  return {
    holds: sum(holds.map(({ pieces }) => pieces)) + sum(reserved.map(({ pieces }) => pieces)),
    outbox: sum(outbox.map(([row]) => row?.rows ?? 0)),
    soldPieces: sum(orders.filter(({ status }) => status === 'CONFIRMED').map(({ pieces }) => pieces)),
    faults,
  };
}

async function query<Row>(url: string | undefined, statement: ReturnType<typeof sql<Row>>): Promise<Row[]> {
  if (url === undefined) throw new Error('a service has no database');
  const database = openDatabase<Record<string, never>>(url, { connections: 1 });
  try {
    return (await statement.execute(database.kysely)).rows;
  } finally {
    await database.close();
  }
}
