const fewestCalls = 10;

/**
 * A short time in which a quarter of the limit is let in, to see how long calls take when nothing queues
 * (as Envoy's adaptive concurrency measures its minimum round trip). It waits until what was in flight is
 * through, then measures the calls that start after that.
 */
export class Probe {
  /** What may be in flight meanwhile. */
  readonly limit: number;
  readonly #startedAt: number;
  readonly #until: number;
  readonly #wanted: number;
  #measureFrom: number | undefined;
  #counted = 0;

  /** `latencyMs`: what calls take now; four times that is the longest it lasts, at least 200 ms. */
  constructor(limit: number, now: number, latencyMs: number) {
    this.limit = Math.max(2, Math.floor(limit / 4));
    this.#startedAt = now;
    this.#until = now + Math.max(200, 4 * latencyMs);
    this.#wanted = Math.max(fewestCalls, 2 * this.limit);
  }

  /** Whether a call that is through was measured; `inFlight` are left. */
  counts(startedAt: number, now: number, inFlight: number): boolean {
    if (this.#measureFrom === undefined) {
      if (inFlight <= this.limit) this.#measureFrom = now;
      return false;
    }
    if (startedAt < this.#measureFrom) return false;
    this.#counted += 1;
    return true;
  }

  done(now: number): boolean {
    return this.#counted >= this.#wanted || now >= this.#until;
  }

  lasted(now: number): number {
    return now - this.#startedAt;
  }
}
