import type { Attributes } from '@opentelemetry/api';
import {
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  sql,
  type Dialect,
  type Driver,
  type Kysely,
} from 'kysely';
import { createPool, type Pool, type PoolConnection } from 'mysql2';
import { ServiceError } from '../errors.ts';
import { Connection } from './connection.ts';
import { Unavailable, unavailable } from './database-errors.ts';
import { Killer } from './killer.ts';
import { observeConnections, type PoolState } from './pool-metrics.ts';
import { timeLimit, withTimeout } from './time-limit.ts';

/** See DatabaseOptions for units and defaults. */
export interface PoolLimits {
  readonly connections: number;
  readonly queueLimit: number;
  readonly acquireTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

/**
 * kysely on mysql2, with a limit on every wait. kysely's own dialect waits for a connection and for an
 * answer as long as it takes, so a frozen database would hold every request past its deadline.
 */
export function boundedMysqlDialect(url: URL, limits: PoolLimits, attributes: Attributes): Dialect {
  return {
    createDriver: () => new BoundedDriver(url, limits, attributes),
    createQueryCompiler: () => new MysqlQueryCompiler(),
    createAdapter: () => new Adapter(),
    createIntrospector: (db) => new MysqlIntrospector(db),
  };
}

class BoundedDriver implements Driver {
  readonly #limits: PoolLimits;
  readonly #attributes: Attributes;
  readonly #pool: Pool;
  readonly #killer: Killer;
  readonly #connections = new WeakMap<PoolConnection, Connection>();
  readonly #state: PoolState = { used: 0, waiting: 0, givenUp: 0 };
  readonly #unobserve: () => void;

  constructor(url: URL, limits: PoolLimits, attributes: Attributes) {
    this.#limits = limits;
    this.#attributes = attributes;
    this.#unobserve = observeConnections(this.#state, limits.connections, url.pathname.slice(1));
    this.#killer = new Killer(url.href);
    this.#pool = createPool({
      uri: url.href,
      connectionLimit: limits.connections,
      // idleTimeout works only where maxIdle is below the limit.
      maxIdle: Math.max(1, limits.connections - 1),
      idleTimeout: 60_000,
      queueLimit: limits.queueLimit,
      connectTimeout: 1_500,
      enableKeepAlive: true,
      keepAliveInitialDelay: 10_000,
      supportBigNumbers: true,
      bigNumberStrings: true,
      decimalNumbers: false,
      // Connection says why, and sees to it that a statement is one.
      multipleStatements: true,
      // How Dates are read and written; the session's own zone is set by Connection.
      timezone: 'Z',
      charset: 'utf8mb4_unicode_ci',
    });
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<Connection> {
    const connection = await this.#acquire();
    this.#state.used += 1;
    try {
      await connection.prepare();
      return connection;
    } catch (error) {
      this.#release(connection);
      throw error;
    }
  }

  async beginTransaction(connection: Connection): Promise<void> {
    connection.begin();
  }

  commitTransaction(connection: Connection): Promise<void> {
    return connection.commit();
  }

  rollbackTransaction(connection: Connection): Promise<void> {
    return connection.rollback();
  }

  async releaseConnection(connection: Connection): Promise<void> {
    this.#release(connection);
  }

  #release(connection: Connection): void {
    this.#state.used -= 1;
    connection.release();
  }

  async destroy(): Promise<void> {
    this.#unobserve();
    const ended = Promise.withResolvers<void>();
    this.#pool.end(() => this.#killer.close(() => ended.resolve()));
    // A frozen server never acknowledges the farewell.
    await withTimeout(ended.promise, 1_000, () => ended.resolve());
  }

  async #acquire(): Promise<Connection> {
    // Before anything is asked for: it throws when no time is left, and nobody would take the connection.
    const limit = timeLimit(this.#limits.acquireTimeoutMs);
    const acquired = Promise.withResolvers<PoolConnection>();
    let givenUp = false;
    this.#pool.getConnection((error, raw) => {
      if (error !== null) acquired.reject(unavailable(reasonOf(error), error));
      else if (givenUp) raw.release();
      else acquired.resolve(raw);
    });
    this.#state.waiting += 1;
    const raw = await withTimeout(acquired.promise, limit, () => {
      givenUp = true;
      throw unavailable(Unavailable.busy);
    })
      .catch((error: unknown) => {
        if (error instanceof ServiceError && error.reason === Unavailable.busy) this.#state.givenUp += 1;
        throw error;
      })
      .finally(() => (this.#state.waiting -= 1));
    const known = this.#connections.get(raw);
    if (known !== undefined) return known;
    const connection = new Connection(raw, this.#attributes, this.#limits.statementTimeoutMs, this.#killer);
    this.#connections.set(raw, connection);
    return connection;
  }
}

function reasonOf(error: Error) {
  return error.message === 'Queue limit reached.' ? Unavailable.busy : Unavailable.unreachable;
}

/** kysely's lock on migrations has one name for the whole server, and its result is not looked at. */
class Adapter extends MysqlAdapter {
  override async acquireMigrationLock(db: Kysely<unknown>): Promise<void> {
    const { rows } = await sql<{ locked: unknown }>`SELECT GET_LOCK(${lockName}, 60) AS locked`.execute(db);
    // A number or, as a BIGINT, its text.
    if (Number(rows[0]?.locked) !== 1)
      throw new Error('another process has been migrating this database for 60 s');
  }

  override async releaseMigrationLock(db: Kysely<unknown>): Promise<void> {
    await sql`SELECT RELEASE_LOCK(${lockName})`.execute(db);
  }
}

/** Per database; a lock's name may have 64 characters, a database's too. */
const lockName = sql`CONCAT('weft.migrate.', LEFT(SHA2(DATABASE(), 256), 40))`;
