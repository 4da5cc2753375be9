import type { GateClock } from './gate.ts';

interface Event {
  readonly at: number;
  readonly work: () => void;
}

/** A clock that jumps from one event to the next, milliseconds. */
export class Timeline implements GateClock {
  /** Timers are late by so much. */
  lagMs = 0;
  #time = 0;
  /** The next one last. */
  readonly #events: Event[] = [];
  now = (): number => this.#time;
  utilization = (): number => (this.lagMs > 0 ? 1 : 0);
  epoch = (): number => this.#time;
  soon = (work: () => void): void => this.at(this.#time, work);
  later = (work: () => void, ms: number): void => this.at(this.#time + ms + this.lagMs, work);

  at(at: number, work: () => void): void {
    const events = this.#events;
    let low = 0;
    for (let high = events.length; low < high;) {
      const middle = (low + high) >> 1;
      if ((events[middle]?.at ?? 0) > at) low = middle + 1;
      else high = middle;
    }
    events.splice(low, 0, { at, work });
  }

  runUntil(end: number): void {
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#time = next.at;
      next.work();
    }
    this.#time = end;
  }

  #next(end: number): Event | undefined {
    const next = this.#events.at(-1);
    if (next === undefined || next.at > end) return undefined;
    this.#events.pop();
    return next;
  }
}

/** The same numbers for the same seed, 0 (inclusive) to 1 (exclusive): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const exponential = (random: () => number, mean: number): number => -mean * Math.log(1 - random());
