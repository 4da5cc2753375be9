/**
 * A line for bursts. As long as it empties now and then, it is first in, first out, for `calmMs` at most.
 * When it has not been empty for that long, the server is overloaded: then the newest goes first and
 * a wait of `busyMs` is the longest, so that what is served is still wanted (CoDel and adaptive LIFO: Maurer,
 * "Fail at Scale", ACM Queue 2015). Times are milliseconds of any steady clock.
 */
export class WaitingLine<T> {
  readonly #entries: { readonly item: T; readonly since: number }[] = [];
  /** When everybody had been served, last. */
  #emptyAt: number;
  #expiredAt = -Infinity;

  readonly #calmMs: number;
  readonly #busyMs: number;

  constructor(now: number, calmMs: number, busyMs: number) {
    this.#emptyAt = now;
    this.#calmMs = calmMs;
    this.#busyMs = busyMs;
  }

  get length(): number {
    return this.#entries.length;
  }

  push(item: T, now: number): void {
    // Empty because nobody could wait any longer is not empty.
    if (this.#entries.length === 0 && now - this.#expiredAt > this.#calmMs) this.#emptyAt = now;
    this.#entries.push({ item, since: now });
  }

  /** Who is next. */
  take(now: number): T | undefined {
    const next = this.#overloaded(now) ? this.#entries.pop() : this.#entries.shift();
    if (this.#entries.length === 0) this.#emptyAt = now;
    return next?.item;
  }

  /** The one that has waited longest, if it has waited too long. */
  expired(now: number): T | undefined {
    const oldest = this.#entries[0];
    if (oldest === undefined || now - oldest.since <= (this.#overloaded(now) ? this.#busyMs : this.#calmMs))
      return undefined;
    this.#entries.shift();
    this.#expiredAt = now;
    return oldest.item;
  }

  #overloaded(now: number): boolean {
    return now - this.#emptyAt > this.#calmMs;
  }
}
