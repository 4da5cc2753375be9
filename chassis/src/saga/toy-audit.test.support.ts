import { execute, placeholders, type Executor } from '../data/statement.ts';
import { bytesToUuid, uuidToBytes } from '../data/uuid.ts';
import { brokenLink } from './log.ts';
import { methods } from './toy-contract.test.support.ts';
import { totals, type ToyDatabases } from './toy-databases.test.support.ts';

export interface Placed {
  readonly id: string;
  readonly pieces: number;
}

const ends = {
  sold: ['NEW DONE', 'DONE COMMITTED'],
  paid: ['NEW DONE'],
  undone: [['NEW DONE', 'DONE COMPENSATED'], ['NEW TOMBSTONE'], ['NEW REFUSED']],
  given: ['NEW COMMITTED'],
};

const { reserve, charge, restock, repay } = methods;

/**
 * Holds the three databases against what was put in and what was decided, when nothing is on its way any
 * more; answers every violation of an invariant. `orders` are all that there were since `before` was counted.
 */
export async function audit(
  databases: ToyDatabases,
  orders: readonly Placed[],
  before: Awaited<ReturnType<typeof totals>>,
): Promise<string[]> {
  const faults: string[] = [];
  const { office, store, bank } = databases;
  const ids = orders.map(({ id }) => uuidToBytes(id));
  const [statuses, sales, payments] = await Promise.all([
    readStatuses(office.kysely, ids),
    readPaths(store.kysely, ids),
    readPaths(bank.kysely, ids),
  ]);
  let sold = 0;
  for (const { id, pieces } of orders) {
    const decided = statuses.get(id);
    if (decided === undefined) {
      faults.push(`${id}: no saga`);
      continue;
    }
    const { status, state } = decided;
    const path = (of: Paths, step: { readonly path: string }) => of.get(`${id} ${step.path}`) ?? [];
    const check = (what: string, found: readonly string[], ...allowed: readonly (readonly string[])[]) => {
      if (!allowed.some((each) => each.join() === found.join()))
        faults.push(`${id} is ${status}, ${what}: ${found.join(', ') || 'nothing'}`);
    };
    const cancelled = status === 'CANCELLED' && state === 'COMMITTED';
    if (status === 'CONFIRMED' || cancelled) {
      check('store', path(sales, reserve), ends.sold);
      check('bank', path(payments, charge), ends.paid, ends.sold);
    } else if (status !== 'PENDING' && state === 'ABORTED') {
      check('store', path(sales, reserve), ...ends.undone);
      check('bank', path(payments, charge), ...ends.undone);
    } else faults.push(`${id} is ${status}, but its saga ${state}`);
    check('restock', path(sales, restock), cancelled ? ends.given : []);
    check('repay', path(payments, repay), cancelled ? ends.given : []);
    if (status === 'CONFIRMED') sold += pieces;
    const broken = await Promise.all([office, store, bank].map(({ kysely }) => brokenLink(kysely, id)));
    if (broken.some((at) => at !== undefined))
      faults.push(`${id}: a log of it is broken at ${broken.join()}`);
  }
  faults.push(...(await wrongFences(databases, ids)), ...(await leftovers(databases, ids)));
  const expected = {
    available: before.available - sold,
    reserved: before.reserved,
    held: before.held,
    money: before.money - sold,
    charged: before.charged + sold,
  };
  const found = await totals(databases);
  for (const [what, amount] of Object.entries(expected))
    if (found[what as keyof typeof found] !== amount)
      faults.push(`${what}: ${found[what as keyof typeof found]}, not ${amount}`);
  return faults;
}

type Paths = ReadonlyMap<string, readonly string[]>;

/** The transitions of each saga's steps, by `<saga> <step>`, as the log has them. */
async function readPaths(on: Executor, ids: readonly Buffer[]): Promise<Paths> {
  const rows = await within<{ id: Buffer; step: string; move: string }>(
    on,
    ids,
    `SELECT saga_id AS id, step, CONCAT(from_state, ' ', to_state) AS move FROM saga_log
      WHERE saga_id IN (?) ORDER BY saga_id, seq`,
  );
  const paths = new Map<string, string[]>();
  for (const { id, step, move } of rows) {
    const key = `${bytesToUuid(id)} ${step}`;
    paths.set(key, [...(paths.get(key) ?? []), move]);
  }
  return paths;
}

async function readStatuses(on: Executor, ids: readonly Buffer[]) {
  const rows = await within<{ id: Buffer; status: string; state: string }>(
    on,
    ids,
    'SELECT id, status, state FROM orders JOIN saga ON saga_id = id WHERE id IN (?)',
  );
  return new Map(rows.map(({ id, status, state }) => [bytesToUuid(id), { status, state }]));
}

/** Fences whose state is not the one that their log ends with. */
async function wrongFences({ store, bank }: ToyDatabases, ids: readonly Buffer[]): Promise<string[]> {
  const wrong = async (on: Executor) => {
    const rows = await within<{ id: Buffer; step: string; state: string }>(
      on,
      ids,
      `SELECT f.saga_id AS id, f.step, f.state FROM saga_step f WHERE f.saga_id IN (?) AND NOT f.state <=> (
        SELECT l.to_state FROM saga_log l WHERE l.saga_id = f.saga_id AND l.step = f.step
        ORDER BY l.seq DESC LIMIT 1)`,
    );
    return rows.map(
      ({ id, step, state }) => `${bytesToUuid(id)}: ${step} is ${state}, its log says otherwise`,
    );
  };
  return [...(await wrong(store.kysely)), ...(await wrong(bank.kysely))];
}

/** Messages that nobody will deliver, and effects that belong to nothing. */
async function leftovers({ office, store, bank }: ToyDatabases, ids: readonly Buffer[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { kysely } of [office, store, bank])
    for (const row of await within<{ method: string; state: string }>(
      kysely,
      ids,
      'SELECT method, state FROM saga_outbox WHERE saga_id IN (?)',
    ))
      faults.push(`${row.method} is still ${row.state}`);
  const held = await within(store.kysely, ids, 'SELECT pieces FROM hold WHERE saga_id IN (?)');
  if (held.length > 0) faults.push(`${held.length} holds are left`);
  return faults;
}

/** A query for some sagas, a thousand at a time. */
async function within<Row>(on: Executor, ids: readonly Buffer[], sql: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let at = 0; at < ids.length; at += 1_000) {
    const some = ids.slice(at, at + 1_000);
    rows.push(...(await execute<Row>(on, sql.replace('?', placeholders(some.length)), some)).rows);
  }
  return rows;
}
