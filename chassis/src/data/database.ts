import type { Kysely, Transaction } from 'kysely';

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
  /** Waits for what runs (at most 5 s), then closes every connection. */
  close(): Promise<void>;
}

export interface TransactionOptions {
  /** The work may be run again after an unknown commit. Default: false. */
  readonly idempotent?: boolean;
}

export interface DatabaseOptions {
  /** Most connections open at once. Default: 16. */
  readonly connections?: number;
  /** Most callers that may wait for a connection; the next one fails at once. Default: 256. */
  readonly queueLimit?: number;
  /** Longest wait for a connection, in milliseconds. Default: 1500. */
  readonly acquireTimeoutMs?: number;
  /** Longest wait for one statement, in milliseconds; its connection is given up then. Default: 4000. */
  readonly statementTimeoutMs?: number;
}

/**
 * Opens a pool on `mysql://user:password@host:port/database`; nothing is connected until the first
 * statement. Every session is READ COMMITTED, in UTC and in strict mode, and waits 2 s at most for a
 * row's lock. BIGINT and DECIMAL values are strings, BINARY values Buffers, DATETIME values Dates in UTC.
 */
export declare function openDatabase<DB>(url: string, options?: DatabaseOptions): Database<DB>;

/** Runs `action` once `tx` has committed, and never if it does not: to wake a watcher, to send what was queued. */
export declare function afterCommit<DB>(tx: Transaction<DB>, action: () => void): void;

/** Whether a statement failed because of a primary or unique key (1062). */
export declare function isDuplicateKey(error: unknown): boolean;

/** Whether a statement failed because of a CHECK (3819 on MySQL, 4025 on MariaDB). */
export declare function isCheckViolation(error: unknown): boolean;
