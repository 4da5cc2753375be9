import type { Socket } from 'node:net';
import type { Attributes } from '@opentelemetry/api';
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import type { PoolConnection, ResultSetHeader } from 'mysql2';
import { isConnectionError, isRerunnable, Unavailable, unavailable } from './database-errors.ts';
import { inStatementSpan } from './statement-span.ts';
import { timeLimit, withTimeout } from './time-limit.ts';

const statementRuns = 3;

/**
 * A pooled connection. A statement that is not answered in time gives its connection up, since nobody
 * knows what the server is doing with it.
 */
export class Connection implements DatabaseConnection {
  readonly #raw: PoolConnection;
  readonly #attributes: Attributes;
  readonly #statementTimeoutMs: number;
  #ready = false;
  #broken = false;
  #inTransaction = false;
  /** The database has rolled the transaction back; another statement would run outside of it. */
  #givenUp: unknown;

  constructor(raw: PoolConnection, attributes: Attributes, statementTimeoutMs: number) {
    this.#raw = raw;
    this.#attributes = attributes;
    this.#statementTimeoutMs = statementTimeoutMs;
    // mysql2 may emit more than the one error that its pool listens to; each also fails a statement.
    raw.on('error', () => (this.#broken = true));
  }

  /** Sets the session up, once. */
  async prepare(): Promise<void> {
    if (this.#ready) return;
    await this.#run('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', []);
    await this.#run(
      `SET time_zone = '+00:00', innodb_lock_wait_timeout = 2,
        sql_mode = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'`,
      [],
    );
    this.#ready = true;
  }

  async begin(): Promise<void> {
    await this.#run('BEGIN', []);
    this.#inTransaction = true;
    this.#givenUp = undefined;
  }

  /** Fails with UNAVAILABLE, UNKNOWN_COMMIT when the answer is lost. */
  async commit(): Promise<void> {
    if (this.#givenUp !== undefined) throw this.#givenUp;
    if (this.#broken) throw unavailable(Unavailable.lost);
    try {
      await this.#run('COMMIT', []);
      this.#inTransaction = false;
    } catch (error) {
      throw this.#broken ? unavailable(Unavailable.unknownCommit, error) : error;
    }
  }

  /** Never fails: a connection that cannot roll back is given up, and the server rolls back for it. */
  async rollback(): Promise<void> {
    try {
      if (!this.#broken) await this.#run('ROLLBACK', []);
    } catch {
      this.#destroy();
    }
    this.#inTransaction = false;
    this.#givenUp = undefined;
  }

  release(): void {
    if (this.#broken || this.#inTransaction) this.#destroy();
    else this.#raw.release();
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#givenUp !== undefined) throw this.#givenUp;
    for (let run = 1; ; run++) {
      try {
        return await this.#query<R>(sql, parameters);
      } catch (error) {
        if (!isRerunnable(error)) throw error;
        if (this.#inTransaction) this.#givenUp = error;
        if (this.#inTransaction || run === statementRuns) throw error;
      }
    }
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('streaming a result is not supported: page through it by its key');
  }

  async #query<R>(sql: string, parameters: readonly unknown[]): Promise<QueryResult<R>> {
    const result = await this.#run(sql, parameters);
    if (Array.isArray(result)) return { rows: result as R[] };
    const { insertId, affectedRows } = result as ResultSetHeader;
    return {
      rows: [],
      numAffectedRows: BigInt(affectedRows),
      ...(insertId ? { insertId: BigInt(insertId) } : {}),
    };
  }

  async #run(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    if (this.#broken) throw unavailable(Unavailable.lost);
    const limit = timeLimit(this.#statementTimeoutMs);
    return inStatementSpan(this.#attributes, sql, async () => {
      const answer = Promise.withResolvers<unknown>();
      this.#raw.query(sql, parameters as unknown[], (error, result) =>
        error === null ? answer.resolve(result) : answer.reject(error),
      );
      try {
        return await withTimeout(answer.promise, limit, () => {
          this.#destroy();
          throw unavailable(Unavailable.timeout);
        });
      } catch (error) {
        if (!isConnectionError(error)) throw error;
        this.#destroy();
        throw unavailable(Unavailable.lost, error);
      }
    });
  }

  #destroy(): void {
    this.#broken = true;
    this.#raw.destroy();
    // mysql2 only half-closes; a frozen server would keep the socket open for as long as it is frozen.
    (this.#raw as unknown as { readonly stream: Socket }).stream.destroy();
  }
}
