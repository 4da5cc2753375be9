import { AsyncLocalStorage } from 'node:async_hooks';
import { currentCall } from '../call-context.ts';
import { ServiceError } from '../errors.ts';

/** Of a call whose caller went away. */
export function cancelled(): ServiceError {
  return new ServiceError('CANCELLED', 'CANCELLED', 'the caller cancelled or is gone');
}

/** Aborted when the call being served is given up; undefined outside of one. Throws CANCELLED when it is already. */
export function callSignal(): AbortSignal | undefined {
  const signal = currentCall()?.signal;
  if (signal?.aborted === true) throw cancelled();
  return signal;
}

const override = new AsyncLocalStorage<number>();

/** Statements in `work` may take up to `ms`: for migrations. */
export function withStatementLimit<T>(ms: number, work: () => Promise<T>): Promise<T> {
  return override.run(ms, work);
}

/**
 * How long to wait for a statement or a connection: `limitMs`, or what the deadline of the call being
 * served leaves, less a tenth (100 ms at most) so that the error still reaches the caller. Throws
 * DEADLINE_EXCEEDED when nothing is left.
 */
export function timeLimit(limitMs: number): number {
  const limit = override.getStore() ?? limitMs;
  const deadlineMs = currentCall()?.deadlineMs;
  if (deadlineMs === undefined) return limit;
  const left = deadlineMs - Date.now();
  if (left <= 0) throw new ServiceError('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'the deadline has passed');
  return Math.min(limit, left - Math.min(100, left / 10));
}

/**
 * `promise`, or what `onTimeout` throws once `ms` have passed; if it does not throw, the wait goes on.
 * A promise that loses is not left unhandled.
 */
export async function withTimeout<T>(promise: Promise<T>, ms: number, onTimeout: () => void): Promise<T> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    try {
      onTimeout();
    } catch (error) {
      timeout.reject(error);
    }
  }, ms);
  try {
    return await Promise.race([promise, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}
