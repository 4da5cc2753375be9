const leastFailures = 20;
const leastOfEach = 3;
const leastMs = 3_000;
const firstPauseMs = 1_000;
const longestPauseMs = 5_000;
const probesAtOnce = 3;

export const breakerStates = ['closed', 'open', 'half_open'] as const;
export type BreakerState = (typeof breakerStates)[number];

/**
 * Stops calls to a target that is down (Nygard's circuit breaker): nothing but failures for 3 s, twenty of them,
 * three of each instance that is ready. One success anywhere begins the count anew, so that a target with a good
 * instance is never cut off. Open, it lets three probes through after 1 s, then after twice as long each time, 5 s
 * at most, or at once where an instance has connected; one that goes well closes it. Milliseconds of one clock.
 */
export class Breaker<E> {
  /** How often it went over to each state. */
  readonly transitions: Record<BreakerState, number> = { closed: 0, open: 0, half_open: 0 };
  /** Calls that it turned away. */
  refused = 0;
  readonly #random: () => number;
  readonly #failed = new Map<E, number>();
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

  /** Whether a call may be made now. In the half-open state this takes one of the probes. */
  admits(now: number): boolean {
    if (this.#state === 'closed') return true;
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
    this.#failed.clear();
    this.#pauseMs = firstPauseMs;
    this.#to('closed');
  }

  /** An instance of those that are `ready` has failed; undefined: none of them was there to be called. */
  failed(now: number, instance: E | undefined, ready: readonly E[]): void {
    if (this.#failures === 0) this.#failingSince = now;
    this.#failures += 1;
    if (instance !== undefined) this.#failed.set(instance, (this.#failed.get(instance) ?? 0) + 1);
    if (this.#state === 'half_open') this.#open(now, this.#pause());
    else if (
      this.#state === 'closed' &&
      this.#failures >= leastFailures &&
      now - this.#failingSince >= leastMs
    )
      if (ready.every((one) => (this.#failed.get(one) ?? 0) >= leastOfEach)) this.#open(now, this.#pause());
  }

  /** Something has changed for the better: it is worth a probe at once. */
  hurry(): void {
    if (this.#state === 'open') this.#probeAt = 0;
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
