import type { Socket } from 'node:net';
import type { Attributes } from '@opentelemetry/api';
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import type { PoolConnection, ResultSetHeader } from 'mysql2';
import {
  isConnectionError,
  isDuplicateKey,
  isRerunnable,
  RerunTransaction,
  Unavailable,
  unavailable,
} from './database-errors.ts';
import type { Killer } from './killer.ts';
import { inStatementSpan } from './statement-span.ts';
import { sendingOf, type Statement } from './statement.ts';
import { callSignal, cancelled, timeLimit, withTimeout } from './time-limit.ts';

const statementRuns = 3;

/** What is only read can be broken off at any time. After WITH there may be a write (MySQL). */
const reads = /^\s*(?:SELECT|SHOW)\b|^\s*WITH\b(?![^]*\b(?:UPDATE|DELETE)\b)/i;

const plain = (sql: string): Statement => ({ sql, parameters: [] });

/**
 * A pooled connection. A statement that is not answered in time, or that nobody waits for any more, gives its
 * connection up, since nobody knows what the server is doing with it, and the server is told to end it. So the
 * locks of its transaction are freed at once. A COMMIT, and a write outside of a transaction, are waited for
 * though their caller is gone, as breaking them off would leave their outcome unknown; and a COMMIT that is not
 * answered in time is left to the server.
 *
 * Round trips are what a transaction costs, and its locks last as long as it does: BEGIN is sent with the
 * first statement, and what was deferred with COMMIT. So the protocol's multi-statements are on; a
 * statement with a `;` in its own text is refused here, as the server would refuse it otherwise.
 */
export class Connection implements DatabaseConnection {
  readonly #raw: PoolConnection;
  readonly #attributes: Attributes;
  readonly #statementTimeoutMs: number;
  readonly #killer: Killer;
  #ready = false;
  #broken = false;
  #transaction: 'none' | 'to-begin' | 'open' = 'none';
  /** The database has rolled the transaction back; another statement would run outside of it. */
  #givenUp: unknown;
  #deferred: Statement[] = [];
  #rerunOnDuplicate = false;

  constructor(raw: PoolConnection, attributes: Attributes, statementTimeoutMs: number, killer: Killer) {
    this.#raw = raw;
    this.#killer = killer;
    this.#attributes = attributes;
    this.#statementTimeoutMs = statementTimeoutMs;
    // mysql2 may emit more than the one error that its pool listens to; each also fails a statement.
    raw.on('error', () => (this.#broken = true));
  }

  /** Sets the session up, once. */
  async prepare(): Promise<void> {
    if (this.#ready) return;
    await this.#send(
      [
        plain('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'),
        plain(`SET time_zone = '+00:00', innodb_lock_wait_timeout = 2,
        sql_mode = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'`),
      ],
      'whole',
    );
    this.#ready = true;
  }

  begin(): void {
    this.#transaction = 'to-begin';
    this.#givenUp = undefined;
    this.#deferred = [];
    this.#rerunOnDuplicate = false;
  }

  /** Fails with UNAVAILABLE, UNKNOWN_COMMIT when the answer is lost. */
  async commit(): Promise<void> {
    if (this.#givenUp !== undefined) throw this.#givenUp;
    if (this.#broken) throw unavailable(Unavailable.lost);
    const statements = this.#deferred;
    if (this.#transaction === 'open' || statements.length > 0) {
      // As long as it has not been sent, nothing has happened.
      callSignal();
      try {
        await this.#send([...statements, plain('COMMIT')], 'commit');
      } catch (error) {
        if (this.#broken) throw unavailable(Unavailable.unknownCommit, error);
        if (!this.#rerunOnDuplicate || !isDuplicateKey(error)) throw error;
        throw new RerunTransaction('another transaction was first', { cause: error });
      }
    }
    this.#transaction = 'none';
  }

  /** Never fails: a connection that cannot roll back is given up, and the server rolls back for it. */
  async rollback(): Promise<void> {
    try {
      if (!this.#broken && this.#transaction === 'open') await this.#send([plain('ROLLBACK')], 'whole');
    } catch {
      this.#destroy();
    }
    this.#transaction = 'none';
    this.#givenUp = undefined;
  }

  release(): void {
    if (this.#broken || this.#transaction !== 'none') this.#destroy();
    else this.#raw.release();
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#givenUp !== undefined) throw this.#givenUp;
    const sending = sendingOf(query);
    const statements = sending?.statements ?? [query];
    for (const { sql } of statements)
      if (sql.includes(';')) throw new Error('a query is one statement, and has no semicolon in it');
    if (sending?.kind === 'deferred') {
      if (this.#transaction === 'none') throw new Error('statements can be deferred in a transaction only');
      this.#deferred.push(...statements);
      this.#rerunOnDuplicate ||= sending.rerunOnDuplicate;
      return { rows: [] };
    }
    const cancellable = this.#transaction !== 'none' || statements.every(({ sql }) => reads.test(sql));
    for (let run = 1; ; run++) {
      try {
        return resultOf<R>(await this.#send(statements, cancellable ? 'cancellable' : 'whole'));
      } catch (error) {
        if (!isRerunnable(error)) throw error;
        if (this.#transaction !== 'none') this.#givenUp = error;
        if (this.#transaction !== 'none' || run === statementRuns || statements.length > 1) throw error;
      }
    }
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('streaming a result is not supported: page through it by its key');
  }

  /** Sends statements in one round trip, BEGIN before them if it is due; answers the last one's result. */
  async #send(statements: readonly Statement[], how: 'cancellable' | 'whole' | 'commit'): Promise<unknown> {
    if (this.#broken) throw unavailable(Unavailable.lost);
    const signal = how === 'cancellable' ? callSignal() : undefined;
    const limit = timeLimit(this.#statementTimeoutMs);
    const begins = this.#transaction === 'to-begin';
    if (begins) this.#transaction = 'open';
    const all = begins ? [plain('BEGIN'), ...statements] : statements;
    const sql = all.map((each) => each.sql).join('; ');
    const parameters = all.flatMap((each) => each.parameters);
    return inStatementSpan(this.#attributes, statements, async () => {
      const answer = Promise.withResolvers<unknown>();
      this.#raw.query(sql, parameters, (error, result) =>
        error === null ? answer.resolve(result) : answer.reject(error),
      );
      const giveUp = (error: unknown): void => {
        const { localPort } = this.#socket;
        this.#destroy();
        if (how !== 'commit') this.#killer.kill(this.#raw.threadId, localPort);
        answer.reject(error);
      };
      const onAbort = (): void => giveUp(cancelled());
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        const result = await withTimeout(answer.promise, limit, () =>
          giveUp(unavailable(Unavailable.timeout)),
        );
        return all.length > 1 && Array.isArray(result) ? result.at(-1) : result;
      } catch (error) {
        if (!isConnectionError(error)) throw error;
        this.#destroy();
        throw unavailable(Unavailable.lost, error);
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    });
  }

  #destroy(): void {
    this.#broken = true;
    this.#raw.destroy();
    // mysql2 only half-closes; a frozen server would keep the socket open for as long as it is frozen.
    this.#socket.destroy();
  }

  get #socket(): Socket {
    return (this.#raw as unknown as { readonly stream: Socket }).stream;
  }
}

function resultOf<R>(result: unknown): QueryResult<R> {
  if (Array.isArray(result)) return { rows: result as R[] };
  const { insertId, affectedRows } = result as ResultSetHeader;
  return {
    rows: [],
    numAffectedRows: BigInt(affectedRows),
    ...(insertId ? { insertId: BigInt(insertId) } : {}),
  };
}
