/** A line, first in, first out, in which everybody waits only so long. Times are milliseconds of any steady clock. */
export class WaitingLine<T> {
  #entries: { readonly item: T; readonly until: number }[] = [];

  get length(): number {
    return this.#entries.length;
  }

  push(item: T, until: number): void {
    this.#entries.push({ item, until });
  }

  /** Who is next. */
  take(): T | undefined {
    return this.#entries.shift()?.item;
  }

  /** Those who have waited too long: they leave. */
  expired(now: number): readonly T[] {
    const expired = this.#entries.filter((entry) => entry.until <= now);
    if (expired.length > 0) this.#entries = this.#entries.filter((entry) => entry.until > now);
    return expired.map((entry) => entry.item);
  }
}
