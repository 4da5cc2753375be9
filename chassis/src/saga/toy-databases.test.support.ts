import type { Generated } from 'kysely';
import { openDatabase, type Database } from '../data/database.ts';
import { migrate } from '../data/migrations.ts';
import { execute, type Executor } from '../data/statement.ts';
import { testDatabase } from '../testing/fixtures.ts';

export interface Office {
  orders: { id: Buffer; status: string; reason: string };
}
export interface Store {
  stock: { id: number; available: number; reserved: number };
  hold: { saga_id: Buffer; pieces: number };
}
export interface Bank {
  wallet: { user_id: string; balance: number };
  charge: { n: Generated<number>; saga_id: Buffer; user_id: string; amount: number };
}

/** Three databases with their tables, for any number of shops after or beside one another. */
export interface ToyDatabases {
  readonly urls: readonly [office: string, store: string, bank: string];
  readonly office: Database<Office>;
  readonly store: Database<Store>;
  readonly bank: Database<Bank>;
  close(): Promise<void>;
}

export async function toyDatabases(): Promise<ToyDatabases> {
  const urls = await Promise.all([testDatabase(), testDatabase(), testDatabase()]);
  const databases = openToyDatabases(urls);
  const { office, store, bank } = databases;
  await Promise.all([
    migrate(office, {
      '1': { up: 'CREATE TABLE orders (id BINARY(16) PRIMARY KEY, status VARCHAR(16), reason VARCHAR(64))' },
    }),
    migrate(store, {
      '1': {
        up: 'CREATE TABLE stock (id INT PRIMARY KEY, available INT, reserved INT, CHECK (available >= 0))',
      },
      '2': { up: 'CREATE TABLE hold (saga_id BINARY(16) PRIMARY KEY, pieces INT)' },
      '3': { up: 'INSERT INTO stock VALUES (1, 0, 0)' },
    }),
    migrate(bank, {
      '1': { up: 'CREATE TABLE wallet (user_id VARCHAR(64) PRIMARY KEY, balance INT, CHECK (balance >= 0))' },
      '2': {
        up: `CREATE TABLE charge (n INT AUTO_INCREMENT PRIMARY KEY, saga_id BINARY(16) UNIQUE,
          user_id VARCHAR(64), amount INT)`,
      },
    }),
  ]);
  return databases;
}

/** Databases that {@link toyDatabases} has made, from another process. */
export function openToyDatabases(urls: ToyDatabases['urls']): ToyDatabases {
  // Tests send more at once than any relay does, and some have nobody who sends it again.
  const patient = { acquireTimeoutMs: 20_000 };
  const office = openDatabase<Office>(urls[0], patient);
  const store = openDatabase<Store>(urls[1], patient);
  const bank = openDatabase<Bank>(urls[2], patient);
  return {
    urls,
    office,
    store,
    bank,
    close: async () => void (await Promise.all([office.close(), store.close(), bank.close()])),
  };
}

/** What of the money and the pieces there is, wherever it is: the same before and after. */
export async function totals({ store, bank }: ToyDatabases) {
  const sum = async (on: Executor, sql: string) =>
    Number((await execute<{ total: string | null }>(on, sql)).rows[0]?.total ?? 0);
  return {
    available: await sum(store.kysely, 'SELECT available AS total FROM stock'),
    reserved: await sum(store.kysely, 'SELECT reserved AS total FROM stock'),
    held: await sum(store.kysely, 'SELECT SUM(pieces) AS total FROM hold'),
    money: await sum(bank.kysely, 'SELECT SUM(balance) AS total FROM wallet'),
    charged: await sum(bank.kysely, 'SELECT SUM(amount) AS total FROM charge'),
  };
}

/** How many rows of the three outboxes are not delivered, parked ones left out. */
export async function undelivered({ office, store, bank }: ToyDatabases): Promise<number> {
  const counts = [office.kysely, store.kysely, bank.kysely].map(async (on) => {
    const sql = "SELECT COUNT(*) AS n FROM saga_outbox WHERE state = 'pending'";
    return Number((await execute<{ n: string }>(on, sql)).rows[0]?.n);
  });
  return (await Promise.all(counts)).reduce((sum, each) => sum + each, 0);
}

/** Ends every lease and every pause now, as time would. */
export async function lapse({ office, store, bank }: ToyDatabases): Promise<void> {
  for (const on of [office.kysely, store.kysely, bank.kysely])
    await execute(on, "UPDATE saga_outbox SET next_at = UTC_TIMESTAMP(3) WHERE state = 'pending'");
}
