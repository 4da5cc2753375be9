const inARow = 5;
/** Of the last 32 attempts: with fewer than three in ten, one with a tenth of failures stays. */
const ofTheLast32 = 10;
const firstMs = 5_000;
const longestMs = 60_000;
/** So long without another, and the next ejection is a first one again. */
const forgivenMs = 60_000;

/** What an instance is set aside for. */
export type EjectionCause = 'consecutive' | 'rate';

/**
 * Counts what speaks against an instance, as Envoy's outlier detection does: five failures in a row, or ten of the
 * last 32 attempts. Attempts rather than seconds are its window, so that it is as quick as the traffic is dense
 * and never judges by a few. Set aside for 5 s, for twice as long each time in a row, 60 s at most.
 */
export class Failures {
  #row = 0;
  /** The last 32 attempts, a bit each: 1 for a failure. */
  #recent = 0;
  #ejections = 0;
  #ejectedUntil = -Infinity;

  /** Milliseconds of the clock that `now` is of. */
  get ejectedUntil(): number {
    return this.#ejectedUntil;
  }

  succeeded(): void {
    this.#row = 0;
    this.#recent <<= 1;
  }

  /** Answers what it is to be set aside for, if it is. */
  failed(now: number): EjectionCause | undefined {
    this.#row += 1;
    this.#recent = (this.#recent << 1) | 1;
    if (now < this.#ejectedUntil) return undefined;
    if (this.#row >= inARow) return 'consecutive';
    return onesIn(this.#recent) >= ofTheLast32 ? 'rate' : undefined;
  }

  eject(now: number): void {
    if (now - this.#ejectedUntil > forgivenMs) this.#ejections = 0;
    this.#ejectedUntil = now + Math.min(longestMs, firstMs * 2 ** this.#ejections);
    this.#ejections += 1;
    this.#row = 0;
    this.#recent = 0;
  }
}

function onesIn(bits: number): number {
  let ones = 0;
  for (let left = bits; left !== 0; left &= left - 1) ones += 1;
  return ones;
}
