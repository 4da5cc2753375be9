const leastFailures = 20;
const leastOfEach = 3;
const leastMs = 3_000;
const firstPauseMs = 1_000;
const longestPauseMs = 5_000;
const probesAtOnce = 3;
/** No method's path. */
const everyMethod = '';

export const breakerStates = ['closed', 'open', 'half_open'] as const;
export type BreakerState = (typeof breakerStates)[number];

/**
 * Stops calls to a target that is down (Nygard's circuit breaker): nothing but failures for 3 s, twenty of them,
 * three of each instance that is ready. One success anywhere begins the count anew, so that a target with a good
 * instance is never cut off. Nor is a method that has not failed yet: it may have nothing to do with what ails the
 * others, unless there was no instance to be called. Open, it lets three probes through after 1 s, then after twice
 * as long each time, 5 s at most; and all calls once an instance has connected, until one fails. A call that goes
 * well closes it. Milliseconds of one clock.
 */
export class Breaker<E extends object> {
  /** How often it went over to each state. */
  readonly transitions: Record<BreakerState, number> = { closed: 0, open: 0, half_open: 0 };
  /** Calls that it turned away. */
  refused = 0;
  readonly #random: () => number;
  /** Instances come and go while a target is down. */
  #failed = new WeakMap<E, number>();
  readonly #methods = new Set<string>();
  #state: BreakerState = 'closed';
  #failures = 0;
  #failingSince = 0;
  #pauseMs = firstPauseMs;
  #probeAt = 0;
  #probes = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Whether a method may be called now. In the half-open state this takes one of the probes. */
  admits(now: number, method: string): boolean {
    if (this.#state === 'closed') return true;
    if (!this.#methods.has(method) && !this.#methods.has(everyMethod)) return true;
    if (now >= this.#probeAt) {
      // Also where the probes before have told nothing.
      this.#probes = probesAtOnce;
      this.#probeAt = now + this.#pause();
      this.#to('half_open');
    }
    if (this.#probes > 0) {
      this.#probes -= 1;
      return true;
    }
    this.refused += 1;
    return false;
  }

  /** When it is worth trying again, milliseconds from `now`. */
  waitMs(now: number): number {
    return Math.max(1, Math.ceil(this.#probeAt - now));
  }

  /** The target has answered, be it with an error of the call's own. */
  succeeded(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#failed = new WeakMap();
    this.#methods.clear();
    this.#pauseMs = firstPauseMs;
    this.#to('closed');
  }

  /** A method has failed on an instance of those that are `ready`; undefined: none was there to be called. */
  failed(now: number, method: string, instance: E | undefined, ready: readonly E[]): void {
    if (this.#failures === 0) this.#failingSince = now;
    this.#failures += 1;
    this.#methods.add(instance === undefined ? everyMethod : method);
    if (instance !== undefined) this.#failed.set(instance, (this.#failed.get(instance) ?? 0) + 1);
    if (this.#state === 'half_open') this.#open(now, this.#pause());
    else if (
      this.#state === 'closed' &&
      this.#failures >= leastFailures &&
      now - this.#failingSince >= leastMs
    )
      if (ready.every((one) => (this.#failed.get(one) ?? 0) >= leastOfEach)) this.#open(now, this.#pause());
  }

  /** There is an instance again: whoever calls finds out what it is worth. */
  hurry(now: number): void {
    if (this.#state === 'closed') return;
    this.#probes = Infinity;
    this.#probeAt = now + this.#pause();
    this.#to('half_open');
  }

  #open(now: number, pauseMs: number): void {
    this.#probes = 0;
    this.#probeAt = now + pauseMs;
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2);
    this.#to('open');
  }

  /** Half of it random, so that callers do not probe together. */
  #pause(): number {
    return this.#pauseMs * (0.5 + this.#random() / 2);
  }

  #to(state: BreakerState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.transitions[state] += 1;
  }
}
