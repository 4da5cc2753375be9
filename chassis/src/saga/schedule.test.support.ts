import fc from 'fast-check';
import type { Database } from '../data/database.ts';
import { execute } from '../data/statement.ts';
import { uuidToBytes } from '../data/uuid.ts';
import { ServiceError } from '../errors.ts';
import { audit, type Placed } from './toy-audit.test.support.ts';
import { totals, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop } from './toy-shop.test.support.ts';

/** What becomes of one transaction: it dies before or after its commit, or its connection dies within it. */
export type Crash = 'before' | 'after' | 'connection';

/** One thing that happens. `nth` chooses, modulo how many there are. */
export type Action =
  /** A message of an outbox is sent, so many times at once; its answer comes, or is lost. */
  | { readonly do: 'send'; readonly nth: number; readonly times: number; readonly answered: boolean }
  /** A message of long ago arrives once more. */
  | { readonly do: 'late'; readonly nth: number }
  /** The buyer cancels: while pending, or what was confirmed. */
  | { readonly do: 'cancel'; readonly nth: number }
  /** The deadline of an order passes, and the sweeper comes. */
  | { readonly do: 'expire'; readonly nth: number }
  /** Steps that are done ask for the outcome. */
  | { readonly do: 'ask'; readonly nth: number };

export interface Schedule {
  readonly stock: number;
  readonly money: number;
  readonly orders: readonly number[];
  /** One after the other; what stands together happens at the same time. */
  readonly rounds: readonly (readonly Action[])[];
  /** What becomes of the transactions, in the order in which they begin. */
  readonly crashes: readonly (Crash | undefined)[];
}

const nth = fc.nat(20);
const send = fc.record({
  do: fc.constant('send' as const),
  nth,
  times: fc.constantFrom(1, 1, 1, 2, 3),
  answered: fc.constantFrom(true, true, true, false),
});
const other = fc.record({ do: fc.constantFrom('late', 'late', 'late', 'cancel', 'expire', 'ask'), nth });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 10, arbitrary: send },
  { weight: 5, arbitrary: other },
);

export const schedules: fc.Arbitrary<Schedule> = fc.record({
  stock: fc.integer({ min: 0, max: 9 }),
  money: fc.integer({ min: 0, max: 9 }),
  orders: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
  rounds: fc.array(fc.array(action, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 14 }),
  crashes: fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom<Crash>('before', 'after', 'connection') },
    ),
    { maxLength: 20 },
  ),
});

interface Row {
  readonly owner: 'office' | 'store' | 'bank';
  readonly msgId: Buffer;
  readonly method: string;
  readonly payload: Buffer;
}

/**
 * Runs a schedule on real databases, then everything that is left, and answers the violations. Nothing
 * happens by itself: the relays stand still, and the schedule is their hand.
 */
export async function play(databases: ToyDatabases, schedule: Schedule): Promise<string[]> {
  const crashes = [...schedule.crashes];
  let crashing = true;
  const dying = withCrashes(databases, () => (crashing ? crashes.shift() : undefined));
  const shop = new ToyShop(dying, { instances: 2 });
  await shop.stock(schedule.stock);
  const user = await shop.buyer(schedule.money);
  const before = await totals(databases);
  const orders: Placed[] = [];
  for (const pieces of schedule.orders) {
    crashing = false;
    orders.push({ id: await shop.order(user, pieces), pieces });
    crashing = true;
  }
  const history: Row[] = [];
  const act = async (what: Action): Promise<void> => {
    const pick = <T>(from: readonly T[]): T | undefined => from[what.nth % Math.max(1, from.length)];
    const order = pick(orders) as Placed;
    switch (what.do) {
      case 'send': {
        const row = pick(await undelivered(databases, orders));
        if (row !== undefined) await send(row, what.times, what.answered);
        return;
      }
      case 'late': {
        const row = pick(history);
        if (row !== undefined) await deliver(row);
        return;
      }
      case 'cancel':
        await survived(async () => {
          if (!(await shop.cancel(order.id))) await shop.giveBack(order.id, user, order.pieces);
        });
        return;
      case 'expire':
        return expire(order);
      case 'ask':
        return ask();
    }
  };
  const deliver = async ({ owner, method, payload }: Row): Promise<boolean> =>
    survived(() => shop.mesh(owner).unary(method, payload));
  const send = async (row: Row, times: number, answered: boolean): Promise<void> => {
    history.push(row);
    const all = await Promise.all(Array.from({ length: times }, () => deliver(row)));
    if (!answered || !all.includes(true)) return;
    await execute(databases[row.owner].kysely, 'DELETE FROM saga_outbox WHERE msg_id = ?', [row.msgId]);
  };
  const expire = async ({ id }: Placed): Promise<void> => {
    await execute(
      databases.office.kysely,
      'UPDATE saga SET deadline_at = UTC_TIMESTAMP(3) WHERE saga_id = ?',
      [uuidToBytes(id)],
    );
    await survived(() => shop.offices[0]?.arbiter.sweep());
  };
  const ask = async (): Promise<void> => {
    for (const { kysely } of [databases.store, databases.bank])
      await execute(kysely, "UPDATE saga_step SET due_at = UTC_TIMESTAMP(3) WHERE state = 'DONE'");
    await survived(() => Promise.all(shop.sagas.slice(1, 3).map((saga) => saga.reconcile())));
  };
  for (const round of schedule.rounds) await Promise.all(round.map(act));
  // Now everything comes to its end, and what was sent before comes once more.
  crashing = false;
  const settle = async (): Promise<void> => {
    for (;;) {
      const rows = await undelivered(databases, orders);
      if (rows.length === 0) return;
      for (const row of rows) await send(row, 1, true);
    }
  };
  await settle();
  for (const order of orders) if ((await shop.status(order.id)) === 'PENDING') await expire(order);
  await settle();
  for (const row of history.slice(-8)) await deliver(row);
  await ask();
  await settle();
  const faults = await audit(databases, orders, before);
  await shop.stop();
  return faults;
}

class Died extends Error {}

/** Answers whether `work` came to its end; one that died or lost its connection did not. */
async function survived(work: () => Promise<unknown> | undefined): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    const cause = (error as Error).cause;
    if (error instanceof Died || cause instanceof Died) return false;
    if (error instanceof ServiceError && ['UNAVAILABLE', 'ABORTED', 'DEADLINE_EXCEEDED'].includes(error.code))
      return false;
    throw error;
  }
}

/** The messages that are in an outbox, always in the same order. */
async function undelivered(databases: ToyDatabases, orders: readonly Placed[]): Promise<Row[]> {
  const places = new Map(orders.map(({ id }, i) => [uuidToBytes(id).toString('hex'), i]));
  const read = async (owner: Row['owner']) => {
    const { rows } = await execute<Omit<Row, 'owner'> & { readonly sagaId: Buffer }>(
      databases[owner].kysely,
      'SELECT msg_id AS msgId, saga_id AS sagaId, method, payload FROM saga_outbox',
    );
    const place = (sagaId: Buffer) => places.get(sagaId.toString('hex')) ?? -1;
    return rows.map((row) => ({ ...row, owner, place: `${place(row.sagaId)} ${row.method}` }));
  };
  const rows = (await Promise.all((['office', 'store', 'bank'] as const).map(read))).flat();
  return rows.toSorted((a, b) => (a.place < b.place ? -1 : 1));
}

/** The same databases, some of whose transactions die. */
function withCrashes(databases: ToyDatabases, next: () => Crash | undefined): ToyDatabases {
  const wrap = <DB>(of: Database<DB>): Database<DB> => ({
    ...of,
    transaction: async (work, options) => {
      let crash = next();
      const result = await of.transaction(async (tx) => {
        const done = await work(tx);
        if (crash === 'before') throw new Died();
        if (crash === 'connection') {
          crash = undefined;
          await execute(tx, 'KILL CONNECTION_ID()');
        }
        return done;
      }, options);
      if (crash === 'after') throw new Died();
      return result;
    },
  });
  return {
    ...databases,
    office: wrap(databases.office),
    store: wrap(databases.store),
    bank: wrap(databases.bank),
  };
}
