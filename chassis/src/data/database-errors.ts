import { ServiceError } from '../errors.ts';

/** The parts of a mysql2 error that we read. */
interface DriverError extends Error {
  readonly code?: string;
  readonly errno?: number;
  readonly fatal?: boolean;
}

/** Why the database could not serve, as the `reason` of an UNAVAILABLE. */
export const Unavailable = {
  /** No connection could be made. */
  unreachable: 'DATABASE_UNREACHABLE',
  /** The connection broke under a statement; a transaction that was open on it is rolled back. */
  lost: 'DATABASE_CONNECTION_LOST',
  /** No answer in time; the connection was given up. */
  timeout: 'DATABASE_TIMEOUT',
  /** No connection was free in time. */
  busy: 'DATABASE_BUSY',
  /** The connection broke during COMMIT: nobody knows whether it happened. */
  unknownCommit: 'UNKNOWN_COMMIT',
} as const;

/** Deadlock, lock wait timeout, record changed since last read (MariaDB's snapshot isolation). */
const rerunnable = new Set([1213, 1205, 1020]);

/**
 * Server errors that say something of the connection or the server and nothing of the statement: too many
 * connections (1040, 1203), shutting down (1053), connection killed (1927, on MySQL 1317 and 3169) or idle too long (4031), a
 * server that became a read-only replica (1290, 1836), or has no room on its disk (1021, 1114).
 */
const connectionErrors = new Set([1021, 1040, 1053, 1114, 1203, 1290, 1317, 1836, 1927, 3169, 4031]);

/** Thrown within a transaction to have it run again, as if the database had given it up. */
export class RerunTransaction extends Error {
  override readonly name = 'RerunTransaction';
}

/** Whether the whole transaction may be run again: the database gave it up. */
export function isRerunnable(error: unknown): boolean {
  return rerunnable.has(errno(error)) || error instanceof RerunTransaction;
}

/** Whether the connection cannot be used any more. */
export function isConnectionError(error: unknown): boolean {
  // Not `instanceof`: an error of Node's sockets is of another realm where a test or a sandbox has its own.
  if (typeof error !== 'object' || error === null) return false;
  const { fatal, errno: number, code } = error as DriverError;
  if (fatal === true || (number !== undefined && connectionErrors.has(number))) return true;
  // A socket's errors are Node's own: ECONNRESET, EPIPE, ENOTFOUND, …; a statement's have an underscore: ER_….
  return code !== undefined && /^(E[A-Z]{2,}|EAI_\w+|PROTOCOL_\w+)$/.test(code);
}

/** Whether a statement failed because of a primary or unique key (1062). */
export function isDuplicateKey(error: unknown): boolean {
  return errno(error) === 1062;
}

/** Whether a statement failed because of a CHECK (3819 on MySQL, 4025 on MariaDB). */
export function isCheckViolation(error: unknown): boolean {
  return errno(error) === 3819 || errno(error) === 4025;
}

/** UNAVAILABLE, as a caller may see it: nothing of the database's own text but in `cause`. */
export function unavailable(
  reason: (typeof Unavailable)[keyof typeof Unavailable],
  cause?: unknown,
): ServiceError {
  const message =
    reason === Unavailable.unknownCommit
      ? 'the outcome of the change is not known'
      : 'the database is not available';
  return new ServiceError('UNAVAILABLE', reason, message, { cause });
}

/** Whether `error` is an UNAVAILABLE of this module with one of `reasons`. */
export function isUnavailable(error: unknown, ...reasons: readonly string[]): boolean {
  return error instanceof ServiceError && error.code === 'UNAVAILABLE' && reasons.includes(error.reason);
}

function errno(error: unknown): number {
  return (error instanceof Error && (error as DriverError).errno) || 0;
}
