import { ServiceError } from '../errors.ts';
import { attempts, newProgress, tryOn, type Try } from './attempts.ts';
import type { CallPlan } from './call-plan.ts';
import type { Endpoint } from './endpoint.ts';
import type { Pool } from './pool.ts';
import { maySucceedElsewhere, neverLeft } from './retry.ts';
import type { ObservedCall } from './telemetry.ts';

/**
 * A call whose first attempt gets company: when it has not been answered after `hedgeAfterMs`, a second one goes to
 * another instance, if there is one and the budget allows it (gRFC A6, with one hedge). The first answer wins and
 * the other attempt is cancelled; so does a failure that another instance would not mend. A server's pushback counts
 * for all attempts. A first attempt that fails is retried as ever, with no hedge.
 */
export async function hedged<T>(
  plan: CallPlan,
  pool: Pool,
  observed: ObservedCall,
  attempt: Try<T>,
): Promise<T> {
  const losers = new AbortController();
  const shared = { ...plan, signals: [...plan.signals, losers.signal] };
  const progress = newProgress();
  const outcome = Promise.withResolvers<T>();
  let timer: NodeJS.Timeout | undefined;
  let begun = false;
  let hedging = false;
  let failed = false;
  let settled = false;
  const settle = (how: () => void): void => {
    if (!settled) how();
    settled = true;
  };

  /** One of the two is through: whether it settles the call, or the other one may still. */
  const failedOne = (error: unknown, otherRuns: boolean): void => {
    if (!(error instanceof ServiceError) || !otherRuns || !maySucceedElsewhere(error)) {
      settle(() => outcome.reject(error));
      return;
    }
    failed = true;
    const { retryAfterMs } = error;
    if (retryAfterMs === undefined) return;
    if (retryAfterMs < 0) progress.over = true;
    else progress.notBeforeMs = Date.now() + retryAfterMs;
  };

  const hedge = async (first: Endpoint): Promise<void> => {
    const other = pool.pick(new Set([first]));
    if (other === undefined || other === first || progress.made >= plan.attempts) return;
    if (!pool.budget.withdraw()) {
      pool.retriesForbidden += 1;
      return;
    }
    pool.hedges += 1;
    observed.hedged();
    hedging = true;
    try {
      const result = await tryOn(other, shared, pool, observed, attempt, progress);
      settle(() => {
        pool.hedgesWon += 1;
        observed.hedgeWon();
        outcome.resolve(result);
      });
    } catch (error) {
      hedging = false;
      if (neverLeft(error)) progress.made -= 1;
      failedOne(error, !failed);
    }
  };

  attempts(
    shared,
    pool,
    observed,
    async (endpoint, metadata, signals) => {
      if (!begun && plan.hedgeAfterMs !== undefined)
        timer = setTimeout(() => void hedge(endpoint), plan.hedgeAfterMs);
      begun = true;
      try {
        return await attempt(endpoint, metadata, signals);
      } finally {
        clearTimeout(timer);
      }
    },
    progress,
  ).then(
    (result) => settle(() => outcome.resolve(result)),
    (error: unknown) => failedOne(error, hedging),
  );
  try {
    return await outcome.promise;
  } finally {
    losers.abort();
  }
}
