/** A call may take this many times what its method takes without load before it counts as queueing. */
const tolerance = 2;
/** And this much longer in any case, milliseconds: below it are timers, collections and the scheduler. */
const slackMs = 10;

const settled = 200;

/** How a window of calls changes what is taken for normal. */
export type Window =
  /** Far below the limit, or quick: normal follows what is seen, slowly. */
  | 'free'
  /** Held back by the limit: what is slower may be queueing, only what is quicker is believed. */
  | 'held'
  /** Measured while little was let in: this is normal. */
  | 'probed';

/** How long one method takes when nothing queues, milliseconds. */
export class Baseline {
  #ms: number | undefined;
  /** The first calls of a method are averaged alike: in its first window mostly quick ones are through. */
  #seen = 0;
  #sum = 0;
  #count = 0;

  /** Undefined until the first window is through. */
  get ms(): number | undefined {
    return this.#ms;
  }

  /** Up to here a call does not speak of queueing. */
  get allowedMs(): number | undefined {
    return this.#ms === undefined ? undefined : Math.max(this.#ms * tolerance, this.#ms + slackMs);
  }

  add(ms: number): void {
    this.#sum += ms;
    this.#count += 1;
  }

  /** Ends a window: its mean moves the baseline, and the next window begins. */
  fold(window: Window): void {
    const count = this.#count;
    if (count === 0) return;
    const mean = this.#sum / count;
    this.#seen += count;
    this.forget();
    if (this.#ms === undefined) this.#ms = mean;
    else if (mean < this.#ms)
      this.#move(mean, window === 'probed' ? Math.min(1, count / 10) : Math.min(0.2, count / 50));
    else if (window === 'probed') this.#move(mean, Math.min(1, count / 10));
    else if (window === 'free')
      this.#move(mean, this.#seen < settled ? count / this.#seen : Math.min(0.02, count / 50));
  }

  /** Leaves out what was added since the last window. */
  forget(): void {
    this.#sum = 0;
    this.#count = 0;
  }

  #move(mean: number, share: number): void {
    this.#ms = (this.#ms ?? mean) * (1 - share) + mean * share;
  }
}
