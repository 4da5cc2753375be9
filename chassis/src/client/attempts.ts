import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '../errors.ts';
import type { CallPlan } from './call-plan.ts';
import type { Endpoint } from './endpoint.ts';
import type { Pool } from './pool.ts';
import type { RequestSource } from './request-source.ts';
import { mayRetry, neverLeft, retryDelayMs, wasRefused } from './retry.ts';
import type { ObservedCall } from './telemetry.ts';

/** Attempts that no instance has looked at may be made this often, whatever the contract says of retries. */
const mostUnsent = 5;
const noneTried: ReadonlySet<Endpoint> = new Set();

/** One attempt on an endpoint. */
export type Try<T> = (
  endpoint: Endpoint,
  metadata: ReturnType<CallPlan['metadata']>,
  signals: CallPlan['signals'],
) => Promise<T>;

/** How far a call is: shared by those who make its attempts. */
export interface Progress {
  /** Instances that failed it. */
  tried: Set<Endpoint> | undefined;
  /** Attempts that left, those under way among them. */
  made: number;
  /** Attempts that no instance has looked at. */
  unsent: number;
  /** A server has said that it should not be tried again. */
  over: boolean;
  /** A server has asked that it should not be tried again before; epoch milliseconds. */
  notBeforeMs: number;
}

export function newProgress(): Progress {
  return { tried: undefined, made: 0, unsent: 0, over: false, notBeforeMs: 0 };
}

/**
 * Tries until one attempt succeeds, or the contract, the budget or the deadline says stop. A call with
 * `requests` of its own cannot be repeated once one of them is pulled.
 *
 * What a lost connection took with it may be more than the budget has, and is tried again on another instance
 * nevertheless (`Pool.allowsRetry`): that an instance is killed costs no call that may be repeated.
 *
 * What never left is tried again outside of the budget: nothing was written, so it costs no instance anything, and
 * an instance that it happened with is not ready and will not be picked. What an instance refused has reached it,
 * and is in the budget like any other.
 */
export async function attempts<T>(
  plan: CallPlan,
  pool: Pool,
  observed: ObservedCall,
  attempt: Try<T>,
  progress = newProgress(),
  requests?: RequestSource,
): Promise<T> {
  if (!plan.insistent) pool.admit(plan.rule.path);
  pool.budget.deposit();
  for (;;) {
    for (const signal of plan.signals) if (signal.aborted) throw cancelled();
    const endpoint =
      pool.pick(progress.tried ?? noneTried) ??
      (await pool.whenReady(plan.rule.path, patienceMs(plan), plan.signals));
    try {
      return await tryOn(endpoint, plan, pool, observed, attempt, progress);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (progress.unsent < mostUnsent && requests?.pulled !== true) {
        if (neverLeft(error) || (wasRefused(error) && pool.budget.withdraw())) {
          progress.made -= 1;
          progress.unsent += 1;
          continue;
        }
      }
      const { made } = progress;
      if (made >= plan.attempts || progress.over || !mayRetry(plan.rule, error, made)) throw error;
      const waitMs = Math.max(retryDelayMs(error, made, Math.random), progress.notBeforeMs - Date.now());
      if (Date.now() + waitMs >= plan.deadlineMs) throw error;
      if (!pool.allowsRetry(error, endpoint, progress.tried ?? noneTried)) {
        pool.retriesForbidden += 1;
        throw error;
      }
      observed.retried(error.code);
      pool.retries += 1;
      await pause(waitMs, plan.signals, error);
    }
  }
}

/** One attempt on an instance, of which the pool keeps account. */
export async function tryOn<T>(
  endpoint: Endpoint,
  plan: CallPlan,
  pool: Pool,
  observed: ObservedCall,
  attempt: Try<T>,
  progress: Progress,
): Promise<T> {
  const metadata = plan.metadata();
  observed.inject(metadata);
  const since = pool.began(endpoint, plan.rule);
  progress.made += 1;
  try {
    const result = await attempt(endpoint, metadata, plan.signals);
    pool.ended(endpoint, plan.rule, since);
    return result;
  } catch (error) {
    pool.ended(endpoint, plan.rule, since, error);
    progress.tried ??= new Set();
    progress.tried.add(endpoint);
    throw error;
  }
}

/**
 * So long a call waits for an instance: long enough for the only one to be restarted, and short, since calls
 * that wait for a service that is dead take the room of those to others.
 */
const longestPatienceMs = 3_000;

/** Waiting ends a little before the deadline too, so that the caller still hears why. */
function patienceMs({ deadlineMs }: CallPlan): number {
  const left = deadlineMs - Date.now();
  return Math.min(longestPatienceMs, left - Math.min(100, left / 10));
}

async function pause(ms: number, signals: readonly AbortSignal[], error: ServiceError): Promise<void> {
  try {
    await delay(ms, undefined, { signal: AbortSignal.any([...signals]) });
  } catch {
    // Cancelled while it waited: the attempt's own error says more.
    throw error;
  }
}

function cancelled(): ServiceError {
  return new ServiceError('CANCELLED', 'CANCELLED', 'the call was cancelled');
}

export function codeOf(error: unknown): ServiceError['code'] {
  return error instanceof ServiceError ? error.code : 'INTERNAL';
}
