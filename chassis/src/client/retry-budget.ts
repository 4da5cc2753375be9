const sharePerCall = 0.2;
const perSecond = 10;
const most = 100;

/**
 * How many retries a service may be sent: 20% of its calls and 10 a second, saved up to 100. Keeps a
 * service that is down from being flooded by its callers (gRFC A6; Google SRE book, chapter 21).
 */
export class RetryBudget {
  readonly #now: () => number;
  #tokens = perSecond;
  #at: number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#at = now();
  }

  /** A call was made. */
  deposit(): void {
    this.#tokens = Math.min(most, this.#tokens + sharePerCall);
  }

  /** How many retries fit now. */
  get left(): number {
    const now = this.#now();
    this.#tokens = Math.min(most, this.#tokens + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
    return this.#tokens;
  }

  /** Whether one more retry fits. */
  withdraw(): boolean {
    if (this.left < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
