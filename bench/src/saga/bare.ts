import { randomUUID } from 'node:crypto';
import { uuidv7 } from '@weft/chassis/data/uuid';
import { createPool, type Pool, type PoolConnection } from 'mysql2';
import { closedLoop } from '../system/closed-loop.ts';
import { databaseOf, services, type Admin, type Service } from './admin.ts';
import { Gathered } from './gathered.ts';
import type { RecordedOrder } from './recorded-order.ts';
import { fill, slotValues } from './template.ts';

/** As Connection of the chassis sets its sessions up. */
const session = `SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
  SET time_zone = '+00:00', innodb_lock_wait_timeout = 2,
  sql_mode = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'`;

const copyOf = (service: Service) => `bare_${service}`;
const runs = 10;
/** A lock waited for too long, a deadlock. */
const rerunnable = new Set([1205, 1213]);

/** The ids that a replayed order is about, 32 hexadecimal digits each. */
export interface Targets {
  readonly products: readonly string[];
  readonly accounts: readonly string[];
}

/** Copies of the services' databases on the same server, to which statements are sent with nothing around them. */
export class BareDatabase {
  readonly #admin: Admin;
  readonly #pools: ReadonlyMap<Service, Pool>;
  readonly #acknowledgements: ReadonlyMap<Service, Gathered>;

  private constructor(admin: Admin, pools: ReadonlyMap<Service, Pool>) {
    this.#admin = admin;
    this.#pools = pools;
    this.#acknowledgements = new Map(
      [...pools].map(([service, pool]) => [
        service,
        new Gathered((sql) => withConnection(pool, (raw) => send(raw, sql))),
      ]),
    );
  }

  /** With as many connections to each as the service holds. */
  static async copy(
    admin: Admin,
    url: string,
    connections: ReadonlyMap<Service, number>,
  ): Promise<BareDatabase> {
    for (const service of services) {
      await admin.run(`DROP DATABASE IF EXISTS ${copyOf(service)}`);
      await admin.run(`CREATE DATABASE ${copyOf(service)}`);
      const tables = await admin.rows<{ name: string }>(
        'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ?',
        [databaseOf(service)],
      );
      for (const { name } of tables) {
        const [copy, original] = [`${copyOf(service)}.${name}`, `${databaseOf(service)}.${name}`];
        await admin.run(`CREATE TABLE ${copy} LIKE ${original}`);
        await admin.run(`INSERT INTO ${copy} SELECT * FROM ${original}`);
      }
    }
    const pools = services.map((service) => {
      const uri = new URL(url);
      uri.pathname = `/${copyOf(service)}`;
      const limit = connections.get(service) ?? 1;
      const pool = createPool({ uri: uri.href, connectionLimit: limit, multipleStatements: true });
      // Goes out before whatever is asked of the connection first.
      pool.on('connection', (raw) => void raw.query(session));
      return [service, pool] as const;
    });
    return new BareDatabase(admin, new Map(pools));
  }

  /** Replays an order again and again on `lanes` lanes, to products and accounts in turns. Fails unless each was CONFIRMED. */
  async replay(
    order: RecordedOrder,
    targets: Targets,
    limits: { readonly lanes: number; readonly seconds: number },
  ): Promise<{ readonly count: number; readonly seconds: number }> {
    const before = await this.#sold();
    const startedAt = performance.now();
    const { count } = await closedLoop(
      { workers: limits.lanes, seconds: limits.seconds, count: Infinity },
      (index) => this.#one(order, targets, index),
    );
    await Promise.all([...this.#acknowledgements.values()].map((gathered) => gathered.flush()));
    const seconds = (performance.now() - startedAt) / 1000;
    const sold = (await this.#sold()) - before;
    if (sold !== count) throw new Error(`${count} orders were replayed, ${sold} had their effect`);
    return { count, seconds };
  }

  async remove(): Promise<void> {
    await Promise.all(
      [...this.#pools.values()].map((pool) => new Promise<void>((resolve) => pool.end(() => resolve()))),
    );
    for (const service of services) await this.#admin.run(`DROP DATABASE IF EXISTS ${copyOf(service)}`);
  }

  async #one(order: RecordedOrder, { products, accounts }: Targets, index: number): Promise<void> {
    const at = (ids: readonly string[]) => ids[index % ids.length] ?? '';
    const values = slotValues([
      ['saga', hexOf(uuidv7())],
      ['product', at(products)],
      ['account', at(accounts)],
      ...order.messages.map((name) => [name, hexOf(randomUUID())] as const),
    ]);
    for (const { service, packets, acknowledges } of order.exchanges) {
      const texts = packets.map((packet) => fill(packet, values));
      const pool = this.#pools.get(service);
      if (acknowledges) this.#acknowledgements.get(service)?.add(texts[0] ?? '');
      else if (pool !== undefined) await withConnection(pool, (raw) => transact(raw, texts));
    }
  }

  /** Pieces whose sale has gone through all three databases: the last transaction of an order seals it. */
  async #sold(): Promise<number> {
    const [row] = await this.#admin.rows<{ sold: string | number }>(
      `SELECT SUM(sold) AS sold FROM ${copyOf('catalog')}.stock`,
    );
    return Number(row?.sold);
  }
}

export function hexOf(uuid: string): string {
  return uuid.replaceAll('-', '').toLowerCase();
}

async function transact(raw: PoolConnection, texts: readonly string[]): Promise<void> {
  for (let run = 1; ; run++)
    try {
      for (const text of texts) await send(raw, text);
      return;
    } catch (error) {
      if (run === runs || !rerunnable.has((error as { errno?: number }).errno ?? 0)) throw error;
      await send(raw, 'ROLLBACK');
    }
}

function send(raw: PoolConnection, sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    raw.query(sql, (error) => (error === null ? resolve() : reject(error)));
  });
}

function withConnection(pool: Pool, work: (raw: PoolConnection) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    pool.getConnection((error, raw) => {
      if (error !== null) return reject(error);
      work(raw)
        .finally(() => raw.release())
        .then(resolve, reject);
    });
  });
}
