import { AsyncLocalStorage } from 'node:async_hooks';

/** What an overloaded server refuses last, and first (weft.v1.CallPolicy.Priority). */
export type Priority = 'CRITICAL' | 'USER' | 'BATCH';

/** A signed-in user, as their token says. */
export interface User {
  readonly id: string;
  readonly roles: readonly string[];
  /** The session that the token belongs to (`sid`), if it says so. */
  readonly sessionId?: string;
}

/** What is known of the call that is being served. */
export interface CallContext {
  /** `/shop.catalog.v1.ProductService/GetProduct`. */
  readonly path: string;
  /** When the caller stops waiting, epoch milliseconds; absent when it waits for ever. */
  readonly deadlineMs?: number | undefined;
  /** Aborted when the caller cancels, is lost, or its deadline passes. */
  readonly signal: AbortSignal;
  /** The workload that called, from its certificate. */
  readonly caller: string;
  /** The user on whose behalf it called; only methods whose access rule is `user` or `roles` know one. */
  readonly user?: User | undefined;
  /** The user's token, as sent; calls made while serving this one carry it on. */
  readonly token?: string | undefined;
  /** The method's, or that of the call it was made for, where it is lower; calls made while serving this one have no higher one. */
  readonly priority?: Priority | undefined;
  /** The caller's `x-request-id`, if it sent one. */
  readonly requestId?: string | undefined;
}

const storage = new AsyncLocalStorage<CallContext>();

/** The call that is being served, undefined outside of one. */
export function currentCall(): CallContext | undefined {
  return storage.getStore();
}

/** Runs `work` as part of a call: calls made in it inherit its deadline, cancellation and token. */
export function runInCall<T>(context: CallContext, work: () => T): T {
  return storage.run(context, work);
}

/**
 * Runs `work` outside of any call. For work that outlives the call it was started in, such as
 * sending an outbox row after the answer is out.
 */
export function runOutsideCall<T>(work: () => T): T {
  return storage.exit(work);
}
