const sharePerCall = 0.2;
const perSecond = 10;

/**
 * How many attempts a service may be sent beside the first of each call, retries and hedges alike: a fifth of its
 * calls, and 10 in any second. Nothing is saved from better times, so that with a service that is down attempts stay
 * at or below 1.2 × calls + 10 a second whatever came before (gRPC A6; Google SRE book, chapter 21).
 */
export class RetryBudget {
  readonly #now: () => number;
  /** When the last ten were made that no share covered, the oldest at `#oldest`. */
  readonly #at = new Float64Array(perSecond).fill(-Infinity);
  #oldest = 0;
  #share = 0;

  /** `now`: steady, milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A call was made. */
  deposit(): void {
    // Rounded, as 0.2 × 5 must be 1.
    this.#share = Math.min(1, Math.round((this.#share + sharePerCall) * 10) / 10);
  }

  /** How many fit now. */
  get left(): number {
    const since = this.#now() - 1_000;
    return Math.floor(this.#share) + this.#at.filter((at) => at <= since).length;
  }

  /** Whether one more fits, which is then made. */
  withdraw(): boolean {
    if (this.#share >= 1) {
      this.#share -= 1;
      return true;
    }
    const now = this.#now();
    if ((this.#at[this.#oldest] ?? 0) > now - 1_000) return false;
    this.#at[this.#oldest] = now;
    this.#oldest = (this.#oldest + 1) % perSecond;
    return true;
  }
}
