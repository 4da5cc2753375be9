/** How fast a peak fades: after this long it counts for 1/e. */
const fadeMs = 3_000;
/** An answer counts for at least this much, however soon it comes after the one before. */
const leastShare = 0.1;
const averageShare = 0.05;
/** The average is of many answers, and remembered for longer. */
const averageFadeMs = 60_000;
/** What a refusal counts for at least. */
const refusalMs = 10;
const mostMs = 10_000;
/** Silent for so long, and so many times longer than a call takes: frozen, and not only busy. */
const frozenMs = 100;
const frozenTimes = 10;
/** So much slower than its silence does a frozen one look. */
const frozenFactor = 100;

/**
 * How long an instance takes to answer, as one caller sees it: a peak-EWMA (Finagle's, which Linkerd took over),
 * where what takes longer than the average replaces it at once and what takes less lowers it step by step. It
 * fades faster than Finagle's 10 s, since a pause for garbage is a peak too, and an instance that is hardly
 * called has little to lower it with.
 *
 * An instance that does not answer at all shows no latency. So the time for which calls have been waiting and
 * none was answered is a lower bound of it, at no cost per call but a number: a frozen one is picked less from the
 * first milliseconds on, and hardly at all after a tenth of a second. Milliseconds of one clock.
 */
export class Latency {
  #ms = 0;
  #at = 0;
  #average = 0;
  #waiting = 0;
  #silentSince = 0;

  /** A call that tells something of the instance's speed begins. */
  began(now: number): void {
    if (this.#waiting === 0) this.#silentSince = now;
    this.#waiting += 1;
  }

  /** It was answered. */
  answered(ms: number, now: number): void {
    this.#waiting -= 1;
    this.#silentSince = now;
    this.#observe(ms, now);
  }

  /** It ended without an answer, or with a failure, which may be quick: it would have taken at least this long. */
  unanswered(ms: number, now: number): void {
    this.#waiting -= 1;
    if (ms > this.peakAt(now)) this.#observe(ms, now);
  }

  /** It was turned away, since the instance has too much to do: that is to look slower, the more so each time. */
  refused(now: number): void {
    this.#waiting -= 1;
    this.#silentSince = now;
    this.#observe(Math.min(mostMs, 2 * this.peakAt(now) + refusalMs), now);
  }

  /** What the next call may take. Fades towards 0 while nothing is observed, so that a slow instance is tried again. */
  peakAt(now: number): number {
    const faded = this.#ms === 0 ? 0 : this.#ms * Math.exp((this.#at - now) / fadeMs);
    return this.#waiting === 0 ? faded : Math.max(faded, this.#silenceAt(now));
  }

  /** What calls take on average. */
  averageAt(now: number): number {
    const faded = this.#average === 0 ? 0 : this.#average * Math.exp((this.#at - now) / averageFadeMs);
    return this.#waiting === 0 ? faded : Math.max(faded, this.#silenceAt(now));
  }

  #silenceAt(now: number): number {
    const ms = now - this.#silentSince;
    return ms < frozenMs || ms < this.#average * frozenTimes ? ms : ms * frozenFactor;
  }

  #observe(ms: number, now: number): void {
    const share = Math.max(leastShare, 1 - Math.exp((this.#at - now) / fadeMs));
    this.#ms = ms >= this.#ms ? ms : this.#ms * (1 - share) + ms * share;
    this.#average += (ms - this.#average) * (this.#average === 0 ? 1 : averageShare);
    this.#at = now;
  }
}
