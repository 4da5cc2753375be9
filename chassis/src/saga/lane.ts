const firstLimit = 16;
const mostLimit = 64;
const failuresToOpen = 3;
const firstPauseMs = 100;
const mostPauseMs = 2_000;

/**
 * How much is sent to one target at once: additive increase on every delivery, halved on every failure of
 * the target (Chiu and Jain 1989). Three in a row and nothing is sent for a while (full jitter, 2 s at
 * most, so that the end of an outage is noticed soon); then one message at a time, and growing again.
 * Pure: time and chance come in as arguments.
 */
export class Lane {
  #limit = firstLimit;
  #inFlight = 0;
  #failures = 0;
  #openUntilMs = 0;

  /** How many more may be started now. */
  free(nowMs: number): number {
    return nowMs < this.#openUntilMs ? 0 : Math.max(0, this.#limit - this.#inFlight);
  }

  /** When something may be sent again; in the past when it may be now. */
  get openUntilMs(): number {
    return this.#openUntilMs;
  }

  started(): void {
    this.#inFlight++;
  }

  /** The target answered, be it with an error of the message's own. Answers whether that ends an outage. */
  answered(): boolean {
    this.#inFlight--;
    const recovered = this.#failures >= failuresToOpen;
    this.#failures = 0;
    this.#limit = Math.min(mostLimit, this.#limit + 1);
    return recovered;
  }

  /** The target could not be reached, or did not answer in time. `random` is in [0, 1). */
  failed(nowMs: number, random: number): void {
    this.#inFlight--;
    this.#failures++;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    if (this.#failures < failuresToOpen) return;
    this.#limit = 1;
    const pauseMs = Math.min(mostPauseMs, firstPauseMs * 2 ** (this.#failures - failuresToOpen));
    this.#openUntilMs = Math.max(this.#openUntilMs, nowMs + random * pauseMs);
  }
}
