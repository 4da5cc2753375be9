import type { MethodRule } from '../contract.ts';
import { ServiceError } from '../errors.ts';
import type { Instance } from '../discovery/registry.ts';
import type { Endpoint } from './endpoint.ts';
import { Breaker } from './breaker.ts';
import type { EjectionCause } from './failures.ts';
import { breakerOpen, noInstance, outcomeOf } from './outcome.ts';
import { choicesOf, pick, type Choices } from './pick.ts';
import { wasLost } from './retry.ts';
import { RetryBudget } from './retry-budget.ts';

const mostWaiting = 1_000;
/** How often newcomers are looked at again, while there are any. */
const warmingMs = 100;
const noChoices: Choices<Endpoint> = { own: [], others: [], kept: 1, rest: [], panic: false };

/** The instances of one gRPC service, and the calls that wait for one. */
export class Pool {
  readonly service: string;
  readonly budget = new RetryBudget();
  /** Attempts that were made, the first ones of each call among them. */
  attempts = 0;
  /** Attempts that were made again, and those that the budget forbade. */
  retries = 0;
  retriesForbidden = 0;
  /** Second attempts beside a first one that was not answered yet, and those that answered first. */
  hedges = 0;
  hedgesWon = 0;
  /** How often an instance was set aside, and for what. */
  readonly ejections: Record<EjectionCause, number> = { consecutive: 0, rate: 0 };
  /** Attempts on instances of the own zone, and of others. */
  readonly picks = { own: 0, other: 0 };
  readonly breaker = new Breaker<Endpoint>();
  /** Calls that gave up because no instance became ready. */
  unserved = 0;
  readonly #zone: string;
  #endpoints: readonly Endpoint[] = [];
  #choices = noChoices;
  /** Until when they hold unless something happens, of `performance.now`. */
  #choicesUntil = -Infinity;
  readonly #waiting = new Set<() => void>();

  /** `zone`: this process's own, '' for none. */
  constructor(service: string, zone = '') {
    this.service = service;
    this.#zone = zone;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Calls that wait for an instance now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether so many instances are set aside or not serving that nobody takes notice of it. */
  get panic(): boolean {
    return this.#choices.panic;
  }

  /** Takes a new list of instances over; `endpointOf` finds or makes their endpoints. */
  update(instances: readonly Instance[], endpointOf: (instance: Instance) => Endpoint): void {
    this.#endpoints = instances.map(endpointOf);
    this.changed();
  }

  /** A connection, what an instance says of itself, or the list changed: whoever waits looks again. */
  changed(): void {
    const wereReady = this.#anyReady;
    this.#choose(performance.now());
    if (!wereReady && this.#anyReady) this.breaker.hurry(performance.now());
    for (const look of this.#waiting) look();
  }

  /** Fails with UNAVAILABLE (BREAKER_OPEN) where no call to the path is worth trying; says when one will be. */
  admit(path: string): void {
    const now = performance.now();
    if (this.breaker.admits(now, path)) return;
    const message = `${this.service} has failed every call for a while: none is made for now`;
    throw new ServiceError('UNAVAILABLE', breakerOpen, message, { retryAfterMs: this.breaker.waitMs(now) });
  }

  /** An instance that is ready, those in `tried` last; undefined if there is none. */
  pick(tried: ReadonlySet<Endpoint>): Endpoint | undefined {
    const now = performance.now();
    if (now >= this.#choicesUntil) this.#choose(now);
    const found = pick(this.#choices, tried, Math.random, now);
    if (found === undefined || found.ready) return found;
    // Its connection has ended, and is about to say so.
    this.#choose(now);
    return pick(this.#choices, tried, Math.random, now);
  }

  /**
   * Whether an attempt on `endpoint` that failed with `error` may be made again, which then is. Within the budget,
   * which a killed instance with many calls in flight would exceed at once; so what was lost with a connection
   * may go to another instance that is ready, out of the budget. A target that is dead has none, and one that
   * breaks connections again and again gets this for each instance once in 10 s.
   */
  allowsRetry(error: ServiceError, endpoint: Endpoint, tried: ReadonlySet<Endpoint>): boolean {
    if (this.budget.withdraw()) return true;
    if (!wasLost(error) || !endpoint.justLost(performance.now())) return false;
    const other = this.pick(tried);
    return other !== undefined && !tried.has(other);
  }

  /** An attempt begins, now. */
  began(endpoint: Endpoint, rule: MethodRule): number {
    const now = performance.now();
    this.attempts += 1;
    if (this.#zone === '' || endpoint.zone === this.#zone) this.picks.own += 1;
    else this.picks.other += 1;
    endpoint.began(now, isTimed(rule));
    return now;
  }

  /** It is through, with an error or well. */
  ended(endpoint: Endpoint, rule: MethodRule, since: number, error?: unknown): void {
    const now = performance.now();
    const timed = isTimed(rule);
    const { ready, workload } = endpoint;
    const seen = { ready, workload, ms: timed ? now - since : undefined, timeoutMs: rule.timeoutMs };
    const outcome = error === undefined ? 'answered' : outcomeOf(error, seen);
    const cause = endpoint.ended(outcome, since, now, timed);
    if (cause !== undefined) this.#eject(endpoint, cause, now);
    if (outcome === 'down') this.breaker.failed(now, rule.path, endpoint, this.#ready());
    else if (outcome !== 'unknown') this.breaker.succeeded();
  }

  /**
   * Waits for an instance to become ready. Fails with UNAVAILABLE (NO_INSTANCE) after `waitMs`, and at
   * once when too many wait already; with CANCELLED when a signal is aborted.
   */
  async whenReady(path: string, waitMs: number, signals: readonly AbortSignal[]): Promise<Endpoint> {
    if (this.#waiting.size >= mostWaiting || waitMs <= 0) throw this.#noInstance(path);
    const { promise, resolve, reject } = Promise.withResolvers<Endpoint>();
    const look = (): void => {
      const found = this.pick(noneTried);
      if (found !== undefined) resolve(found);
    };
    const cancel = (): void => reject(new ServiceError('CANCELLED', 'CANCELLED', 'the call was cancelled'));
    const timer = setTimeout(() => reject(this.#noInstance(path)), waitMs);
    this.#waiting.add(look);
    for (const signal of signals) signal.addEventListener('abort', cancel);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
      for (const signal of signals) signal.removeEventListener('abort', cancel);
    }
  }

  /** Sets a failing instance aside, unless half of the instances are so already. */
  #eject(endpoint: Endpoint, cause: EjectionCause, now: number): void {
    const ejected = this.#endpoints.filter((other) => other.ejected).length;
    if ((ejected + 1) * 2 > this.#endpoints.length) return;
    endpoint.eject(now);
    this.ejections[cause] += 1;
  }

  #choose(now: number): void {
    this.#choices = choicesOf(this.#endpoints, this.#zone, now);
    let until = Infinity;
    for (const { ejectedUntil } of this.#endpoints)
      if (ejectedUntil > now) until = Math.min(until, ejectedUntil);
    const { own, others } = this.#choices;
    const warming = others.length > 0 && own.some((one) => one.warmthAt(now) < 1);
    this.#choicesUntil = warming ? Math.min(until, now + warmingMs) : until;
  }

  get #anyReady(): boolean {
    return this.#choices.own.length > 0 || this.#choices.rest.length > 0;
  }

  #ready(): readonly Endpoint[] {
    return this.#endpoints.filter(({ ready }) => ready);
  }

  #noInstance(path: string): ServiceError {
    this.unserved += 1;
    this.breaker.failed(performance.now(), path, undefined, this.#ready());
    const known = this.#endpoints.length;
    const message = `no instance of ${this.service} is ready (${known} known)`;
    return new ServiceError('UNAVAILABLE', noInstance, message);
  }
}

const noneTried: ReadonlySet<Endpoint> = new Set();

/** Whether how long a call takes is its instance's doing: that of a stream is not, alone. */
function isTimed(rule: MethodRule): boolean {
  return !rule.streaming;
}
