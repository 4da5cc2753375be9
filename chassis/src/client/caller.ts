import { setTimeout as delay } from 'node:timers/promises';
import type { Contract } from '../contract.ts';
import { ServiceError, type CodeName } from '../errors.ts';
import { planCall, type CallPlan } from './call-plan.ts';
import type { Endpoint } from './endpoint.ts';
import type { CallOptions, Mesh, StreamResult, UnaryResult } from './mesh.ts';
import type { Pool } from './pool.ts';
import { RequestSource } from './request-source.ts';
import { mayRetry, neverLeft, overloaded, retryDelayMs } from './retry.ts';
import { resumableStream } from './stream-attempts.ts';
import { createCallObserver, type ObservedCall } from './telemetry.ts';

/** Attempts that never left may be made this often, whatever the contract says of retries. */
const mostUnsent = 5;
const noneTried: ReadonlySet<Endpoint> = new Set();

/** One attempt on an endpoint. */
export type Try<T> = (endpoint: Endpoint, metadata: ReturnType<CallPlan['metadata']>) => Promise<T>;

/** Calls over pools of instances: plans, picks, tries, and tries again where the contract allows. */
export function createCaller(
  contract: Contract,
  poolOf: (service: string) => Pool,
): Pick<Mesh, 'unary' | 'serverStream' | 'clientStream'> {
  const observe = createCallObserver((path) => {
    const rule = contract.methods.get(path);
    return rule?.servedBy ?? rule?.service ?? 'unknown';
  });

  async function unary(path: string, request: Uint8Array, options: CallOptions = {}): Promise<UnaryResult> {
    const plan = planCall(contract, path, options);
    const observed = observe(path, options.trace);
    const { deadlineMs, signals } = plan;
    try {
      const result = await attempts(plan, poolOf(plan.rule.service), observed, (endpoint, metadata) =>
        endpoint.connection.unary({ path, request, metadata, deadlineMs, signals }),
      );
      observed.ended('OK');
      return result;
    } catch (error) {
      observed.ended(codeOf(error));
      throw error;
    }
  }

  function serverStream(path: string, request: Uint8Array, options: CallOptions = {}): StreamResult {
    const observed = observe(path, options.trace);
    const left = new AbortController();
    return resumableStream({
      begin: (begun) => {
        const plan = planCall(contract, path, options);
        const { deadlineMs } = plan;
        const signals = [...plan.signals, left.signal];
        return attempts({ ...plan, signals }, poolOf(plan.rule.service), observed, (endpoint, metadata) =>
          begun(endpoint.connection.serverStream({ path, request, metadata, deadlineMs, signals }), endpoint),
        );
      },
      onLeave: () => left.abort(),
      onEnd: (error) => {
        observed.ended(error === undefined ? 'OK' : codeOf(error));
        return error;
      },
    });
  }

  function clientStream(
    path: string,
    requests: AsyncIterable<Uint8Array>,
    options: CallOptions = {},
  ): StreamResult {
    const observed = observe(path, options.trace);
    const left = new AbortController();
    const source = new RequestSource(requests);
    return resumableStream({
      begin: (begun) => {
        const plan = planCall(contract, path, options);
        const { deadlineMs } = plan;
        const signals = [...plan.signals, left.signal];
        const once = { ...plan, signals, attempts: 1 };
        return attempts(
          once,
          poolOf(plan.rule.service),
          observed,
          (endpoint, metadata) =>
            begun(
              endpoint.connection.clientStream({ path, requests: source, metadata, deadlineMs, signals }),
              endpoint,
            ),
          source,
        );
      },
      onLeave: () => left.abort(),
      onEnd: (error) => {
        observed.ended(error === undefined ? 'OK' : codeOf(error));
        source.end();
        return error !== undefined && source.failure !== undefined ? source.failure.error : error;
      },
    });
  }

  return { unary, serverStream, clientStream };
}

/**
 * Tries until one attempt succeeds, or the contract, the budget or the deadline says stop. A call with
 * `requests` of its own cannot be repeated once one of them is pulled.
 */
async function attempts<T>(
  plan: CallPlan,
  pool: Pool,
  observed: ObservedCall,
  attempt: Try<T>,
  requests?: RequestSource,
): Promise<T> {
  let tried: Set<Endpoint> | undefined;
  let made = 0;
  let unsent = 0;
  pool.budget.deposit();
  for (;;) {
    for (const signal of plan.signals) if (signal.aborted) throw cancelled();
    const endpoint = pool.pick(tried ?? noneTried) ?? (await pool.whenReady(patienceMs(plan), plan.signals));
    const metadata = plan.metadata();
    observed.inject(metadata);
    const startedAt = performance.now();
    // With requests of its own, the instance does not decide alone how long it takes.
    const elapsedMs = () => (requests === undefined ? performance.now() - startedAt : undefined);
    endpoint.inFlight += 1;
    pool.attempts += 1;
    try {
      const result = await attempt(endpoint, metadata);
      attempted(pool, endpoint, 'OK', elapsedMs());
      return result;
    } catch (error) {
      const left = !neverLeft(error);
      const refused = error instanceof ServiceError && error.reason === overloaded;
      // One that went away is not to be set aside when it comes back, nor one that has too much to do: both have
      // done nothing wrong. A refusal is quick, and must not draw more calls.
      const blameless = refused || (!left && !endpoint.ready);
      attempted(pool, endpoint, blameless ? undefined : codeOf(error), left ? elapsedMs() : undefined);
      if (!(error instanceof ServiceError)) throw error;
      tried ??= new Set();
      tried.add(endpoint);
      if (!left && unsent < mostUnsent && requests?.pulled !== true) {
        unsent += 1;
        continue;
      }
      made += 1;
      if (made >= plan.attempts || !mayRetry(plan.rule, error, made)) throw error;
      if (!pool.budget.withdraw()) {
        pool.retriesForbidden += 1;
        throw error;
      }
      const waitMs = retryDelayMs(error, made, Math.random);
      if (Date.now() + waitMs >= plan.deadlineMs) throw error;
      observed.retried(error.code);
      pool.retries += 1;
      await pause(waitMs, plan.signals, error);
    }
  }
}

/** An attempt is through. Its outcome and how long it took: undefined where they say nothing of the instance. */
function attempted(
  pool: Pool,
  endpoint: Endpoint,
  code: CodeName | 'OK' | undefined,
  ms: number | undefined,
): void {
  if (code !== undefined && endpoint.observe(ms, code)) pool.eject(endpoint);
  endpoint.inFlight -= 1;
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

function codeOf(error: unknown): ServiceError['code'] {
  return error instanceof ServiceError ? error.code : 'INTERNAL';
}
