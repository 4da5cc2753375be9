import { Kysely, sql, type Transaction } from 'kysely';
import { currentCall } from '../call-context.ts';
import { ServiceError } from '../errors.ts';
import { isRerunnable, isUnavailable, Unavailable, unavailable } from './database-errors.ts';
import { boundedMysqlDialect } from './driver.ts';
import { databaseAttributes, inTransactionSpan } from './statement-span.ts';
import { withTimeout } from './time-limit.ts';

export { isCheckViolation, isDuplicateKey } from './database-errors.ts';

const maxRuns = 10;
const firstPauseMs = 4;

/** A service's own database. */
export interface Database<DB> {
  /** The query builder, for statements that need no transaction. */
  readonly kysely: Kysely<DB>;
  /**
   * Runs `work` in one READ COMMITTED transaction, and commits it when `work` resolves.
   *
   * `work` is run again from its start, a few times and with jitter, when the database gave it up (a
   * deadlock, a lock waited for too long, a changed record: 1213, 1205, 1020) or when the connection
   * broke before COMMIT was sent; so it must have no effect outside the transaction but through
   * {@link afterCommit}.
   *
   * When the connection breaks during COMMIT nobody knows whether it happened. That is UNAVAILABLE with
   * reason UNKNOWN_COMMIT, and not run again, unless the caller declares the work idempotent: able to
   * find out by itself that it already happened (a fence, an idempotency record, a unique key).
   *
   * Fails with UNAVAILABLE when the database cannot be reached or does not answer, within the deadline
   * of the call being served, if there is one; with ABORTED (reason CONTENTION) when every run lost.
   */
  transaction<T>(work: (tx: Transaction<DB>) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Resolves when the database answered within `timeoutMs`; else fails with UNAVAILABLE. For /readyz. */
  ping(timeoutMs: number): Promise<void>;
  /** Closes every connection, after the statement it is running, at most 1 s later. */
  close(): Promise<void>;
}

/** How a transaction may be run. */
export interface TransactionOptions {
  /** The work may be run again after an unknown commit. Default: false. */
  readonly idempotent?: boolean;
}

/** Limits of a pool. The defaults suit a service with a database near by. */
export interface DatabaseOptions {
  /** Most connections open at once. Default: 16; 4 to 64, and of all instances together fewer than the server takes. */
  readonly connections?: number;
  /** Most callers that may wait for a connection; the next one fails at once. Default: 1024; at least 1. */
  readonly queueLimit?: number;
  /** Longest wait for a connection, in milliseconds. Default: 1500; less than the calls' own limits. */
  readonly acquireTimeoutMs?: number;
  /** Longest wait for one statement, in milliseconds; its connection is given up then. Default: 3000; 100 and more. */
  readonly statementTimeoutMs?: number;
}

const afterCommits = new WeakMap<object, (() => void)[]>();

/**
 * Opens a pool on `mysql://user:password@host:port/database`; nothing is connected until the first
 * statement. Every session is READ COMMITTED, in UTC and in strict mode, and waits 2 s at most for a
 * row's lock. BIGINT and DECIMAL values are strings, BINARY values Buffers, DATETIME values Dates in UTC.
 * An UPDATE's affected rows are those that its WHERE found.
 */
export function openDatabase<DB>(url: string, options: DatabaseOptions = {}): Database<DB> {
  const parsed = new URL(url);
  const attributes = databaseAttributes(parsed);
  const limits = {
    connections: options.connections ?? 16,
    queueLimit: options.queueLimit ?? 1024,
    acquireTimeoutMs: options.acquireTimeoutMs ?? 1_500,
    statementTimeoutMs: options.statementTimeoutMs ?? 3_000,
  };
  const kysely = new Kysely<DB>({ dialect: boundedMysqlDialect(parsed, limits, attributes) });
  return {
    kysely,
    transaction: (work, { idempotent = false } = {}) =>
      inTransactionSpan(attributes, async (count) => {
        for (let run = 1; ; run++) {
          try {
            return await runOnce(kysely, work);
          } catch (error) {
            if (!mayRunAgain(error, idempotent)) throw error;
            if (run === maxRuns || outOfTime()) throw lastError(error);
            count(run + 1);
            await pause(firstPauseMs * 2 ** Math.min(run, 6));
          }
        }
      }),
    ping: async (timeoutMs) => {
      await withTimeout(sql`SELECT 1`.execute(kysely), timeoutMs, () => {
        throw unavailable(Unavailable.timeout);
      });
    },
    close: () => kysely.destroy(),
  };
}

/** Runs `action` once `tx` has committed, and never if it does not: to wake a watcher, to send what was queued. */
export function afterCommit<DB>(tx: Transaction<DB>, action: () => void): void {
  const actions = afterCommits.get(tx);
  if (actions === undefined) throw new Error('not the transaction that Database.transaction gave');
  actions.push(action);
}

async function runOnce<DB, T>(kysely: Kysely<DB>, work: (tx: Transaction<DB>) => Promise<T>): Promise<T> {
  const actions: (() => void)[] = [];
  const result = await kysely.transaction().execute((tx) => {
    afterCommits.set(tx, actions);
    return work(tx);
  });
  for (const action of actions) action();
  return result;
}

function mayRunAgain(error: unknown, idempotent: boolean): boolean {
  if (isRerunnable(error) || isUnavailable(error, Unavailable.lost)) return true;
  return idempotent && isUnavailable(error, Unavailable.unknownCommit);
}

/** Too little of the call's deadline is left for another run. */
function outOfTime(): boolean {
  const deadlineMs = currentCall()?.deadlineMs;
  return deadlineMs !== undefined && deadlineMs - Date.now() < 50;
}

function lastError(error: unknown): unknown {
  if (!isRerunnable(error)) return error;
  return new ServiceError('ABORTED', 'CONTENTION', 'too many others change the same records', {
    cause: error,
  });
}

/** Full jitter. */
function pause(mostMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * mostMs));
}
