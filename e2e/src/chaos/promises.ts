import type { Goods, Load } from './load.ts';
import type { Buyer } from './people.ts';
import { rowsOf, type Databases } from './rows.ts';

/** What of that which was acknowledged to clients is not so in the databases, each in words. */
export async function brokenPromises(
  databases: Databases,
  load: Load,
  buyers: readonly Buyer[],
  goods: readonly Goods[],
): Promise<string[]> {
  return [
    ...load.wrong,
    ...(await ordersBroken(databases, load, buyers)),
    ...(await moneyBroken(databases, load, buyers)),
    ...(await goodsBroken(databases, goods)),
  ];
}

/** Each order is there once, decided, and as it was told. */
async function ordersBroken(databases: Databases, load: Load, buyers: readonly Buyer[]): Promise<string[]> {
  const known = new Set(buyers.map(({ id }) => hex(id)));
  const rows = await rowsOf<{ id: string; user: string; status: string }>(
    databases.ordering,
    'SELECT HEX(id) id, HEX(user_id) user, status FROM orders',
  );
  const statuses = new Map(rows.filter(({ user }) => known.has(user)).map(({ id, status }) => [id, status]));
  const broken: string[] = [];
  const byId = new Map<string, string>();
  for (const { id, key, cancelled, seen } of load.orders) {
    if (id === undefined) continue;
    const other = byId.get(hex(id));
    if (other !== undefined) broken.push(`order ${id} has two keys, ${other} and ${key}`);
    byId.set(hex(id), key);
    const status = statuses.get(hex(id));
    if (status === undefined) broken.push(`order ${id} was acknowledged and is lost`);
    else if (status === 'PENDING') broken.push(`order ${id} is not decided`);
    else if (cancelled === true && status !== 'CANCELLED')
      broken.push(`order ${id} was told to be cancelled, and is ${status}`);
    else if (seen !== undefined && seen !== status && !(seen === 'CONFIRMED' && status === 'CANCELLED'))
      broken.push(`order ${id} was told to be ${seen}, and is ${status}`);
  }
  for (const id of statuses.keys())
    if (!byId.has(id)) broken.push(`order ${id} was made twice: no key leads to it`);
  return broken;
}

/** Every top-up once, and no other money. */
async function moneyBroken(databases: Databases, load: Load, buyers: readonly Buyer[]): Promise<string[]> {
  const rows = await rowsOf<{ account: string; toppedUp: string; balance: string; spent: string }>(
    databases.identity,
    `SELECT HEX(w.account_id) account, w.balance_minor balance,
      COALESCE(SUM(CASE WHEN l.saga_id IS NULL THEN l.amount_minor END), 0) toppedUp,
      COALESCE(-SUM(CASE WHEN l.saga_id IS NOT NULL THEN l.amount_minor END), 0) spent
      FROM wallet w LEFT JOIN ledger l ON l.account_id = w.account_id GROUP BY w.account_id, w.balance_minor`,
  );
  const wallets = new Map(rows.map((row) => [row.account, row]));
  return buyers.flatMap((buyer) => {
    const own = load.topUps.filter((topUp) => topUp.buyer === buyer && topUp.acknowledged === true);
    const sum = own.reduce((total, { cents }) => total + cents, buyer.cents);
    const { toppedUp, balance, spent } = wallets.get(hex(buyer.id)) ?? { toppedUp: 0, balance: 0, spent: 0 };
    const found: string[] = [];
    if (Number(toppedUp) !== sum)
      found.push(`wallet ${buyer.id}: ${toppedUp} cents of top-ups, ${sum} acknowledged`);
    if (Number(balance) !== Number(toppedUp) - Number(spent))
      found.push(`wallet ${buyer.id}: ${balance} cents, ${toppedUp} put in and ${spent} spent`);
    return found;
  });
}

/** Pieces are conserved, and a price is the last acknowledged one or a later one whose answer was lost. */
async function goodsBroken(databases: Databases, goods: readonly Goods[]): Promise<string[]> {
  const [stock, sold] = await Promise.all([
    rowsOf<{ id: string; price: string; available: number; reserved: number }>(
      databases.catalog,
      `SELECT HEX(p.id) id, p.price_minor price, s.available, s.reserved
        FROM product p JOIN stock s ON s.product_id = p.id`,
    ),
    rowsOf<{ id: string; pieces: string }>(
      databases.ordering,
      `SELECT HEX(i.product_id) id, SUM(i.quantity) pieces FROM orders o JOIN order_item i ON i.order_id = o.id
        WHERE o.status = 'CONFIRMED' GROUP BY i.product_id`,
    ),
  ]);
  const soldOf = new Map(sold.map(({ id, pieces }) => [id, Number(pieces)]));
  const rows = new Map(stock.map((row) => [row.id, row]));
  return goods.flatMap(({ id, pieces, prices }) => {
    const row = rows.get(hex(id));
    if (row === undefined) return [`product ${id} is gone`];
    const found: string[] = [];
    const inConfirmed = soldOf.get(hex(id)) ?? 0;
    if (row.available + row.reserved + inConfirmed !== pieces)
      found.push(
        `product ${id}: ${row.available} available, ${row.reserved} held, ${inConfirmed} sold, of ${pieces}`,
      );
    const possible = prices.slice(prices.findLastIndex(({ acknowledged }) => acknowledged === true));
    if (!possible.some(({ cents }) => cents === Number(row.price)))
      found.push(`product ${id} costs ${row.price} cents, and ${possible[0]?.cents} was acknowledged last`);
    return found;
  });
}

function hex(uuid: string): string {
  return uuid.replaceAll('-', '').toUpperCase();
}
