import type { Baseline } from './baseline.ts';
import { Probe } from './probe.ts';

export interface LimitOptions {
  /** Never lower. Default 8. */
  readonly min?: number;
  /** Never higher. Default 2,000. */
  readonly max?: number;
  /** Before anything is known. Default 100. */
  readonly initial?: number;
}

const windowMs = 100;
const longestWindowMs = 1_000;
const fewestCalls = 10;
/** More of the event loop's delay than this is overload, whatever the calls say. */
const lagTargetMs = 50;
/** One window at most halves the limit. */
const deepestCut = 0.5;

/**
 * How many calls may be in flight at once: the gradient of their latency (Netflix's concurrency-limits,
 * Gradient2; Envoy's adaptive concurrency) with the event loop's delay as a second signal.
 *
 * Every window of 100 ms or one latency, whichever is longer, compares the time that calls took with what
 * their methods are allowed (Baseline). By Little's law the quotient is how many times over the server is
 * filled: above 1 the limit is divided by it, below 1 it grows, but only while it is really used. A limit
 * that nobody reaches stays as it is, so a slow dependency costs an idle server nothing.
 *
 * A long average as the baseline would creep up during a long overload, and the limit with it. So the
 * baseline is measured instead: while overload lasts, every 10 s a Probe lets a quarter in for some calls.
 * That also tells queueing from calls that have become slower for good.
 *
 * Pure: times are milliseconds of any steady clock, and come with each call of a method.
 */
export class AdaptiveLimit {
  readonly #min: number;
  readonly #max: number;
  readonly #seen = new Set<Baseline>();
  #limit: number;
  #windowStart: number;
  #spent = 0;
  #allowed = 0;
  #count = 0;
  #sum = 0;
  #peak = 0;
  #bound = false;
  #lagMs = 0;
  #excusedMs = 0;
  #latencyMs = 0;
  #probe: Probe | undefined;
  #probeAt: number;
  #probeEarliest: number;
  #limitAtProbe: number;

  constructor(options: LimitOptions, now: number) {
    const { min = 8, max = 2_000, initial = 100 } = options;
    this.#max = max;
    this.#min = Math.min(min, max);
    this.#limit = Math.min(initial, max);
    this.#windowStart = now;
    this.#probeAt = now + firstProbeMs;
    this.#probeEarliest = this.#probeAt;
    this.#limitAtProbe = this.#limit;
  }

  /** Calls that may be in flight now. */
  get limit(): number {
    return this.#probe?.limit ?? Math.floor(this.#limit);
  }

  /** A call was let in: so many are in flight now. */
  started(inFlight: number): void {
    if (inFlight > this.#peak) this.#peak = inFlight;
  }

  /** A call was refused or had to wait. */
  held(): void {
    this.#bound = true;
  }

  /** A call is through, `inFlight` are left. Its time counts unless it failed quickly. */
  finished(baseline: Baseline, startedAt: number, now: number, inFlight: number, failed: boolean): void {
    const ms = now - startedAt;
    const { allowedMs, ms: normalMs } = baseline;
    if (failed && (normalMs === undefined || ms < normalMs)) return;
    const probe = this.#probe;
    if (probe !== undefined) {
      if (probe.counts(startedAt, now, inFlight)) {
        this.#seen.add(baseline);
        baseline.add(ms);
      }
      if (probe.done(now)) this.#endProbe(now, probe);
      return;
    }
    this.#seen.add(baseline);
    baseline.add(ms);
    this.#count += 1;
    this.#sum += ms;
    if (allowedMs === undefined) return;
    this.#spent += ms;
    this.#allowed += allowedMs + this.#excusedMs;
  }

  /**
   * To be called about every 100 ms while there are calls; `lagMs`: how late that was. Where the event loop
   * was not `busy` all the while, it was the machine that kept it waiting: fewer calls would change nothing,
   * so the calls are excused for so much.
   */
  tick(now: number, lagMs: number, busy: boolean): void {
    this.#lagMs = (this.#lagMs + (busy ? Math.max(0, lagMs) : 0)) / 2;
    this.#excusedMs = (this.#excusedMs + (busy ? 0 : Math.max(0, lagMs))) / 2;
    if (this.#probe !== undefined) {
      if (this.#probe.done(now)) this.#endProbe(now, this.#probe);
      return;
    }
    const elapsed = now - this.#windowStart;
    // A tick may come a little early.
    if (elapsed < Math.max(windowMs * 0.9, Math.min(this.#latencyMs, longestWindowMs))) return;
    if (this.#count < fewestCalls && elapsed < longestWindowMs) return;
    this.#closeWindow(now);
  }

  #closeWindow(now: number): void {
    const limit = this.#limit;
    const filled = this.#allowed === 0 ? 0 : this.#spent / this.#allowed;
    const pressure = Math.max(filled, this.#lagMs / lagTargetMs);
    const inUse = this.#count > 0 && (this.#bound || this.#peak >= limit * 0.7);
    if (pressure > 1 && inUse) {
      const cut = limit * Math.max(deepestCut, 1 / pressure) + Math.sqrt(limit);
      this.#limit = this.#within((limit + cut) / 2);
      if (now >= this.#probeAt || (now >= this.#probeEarliest && this.#limit < this.#limitAtProbe / 2))
        this.#probe = new Probe(limit, now, Math.max(this.#latencyMs, this.#sum / Math.max(1, this.#count)));
    } else if (inUse) {
      // As soon as calls take a little longer than normal, small steps.
      this.#limit = this.#within(limit + Math.max(Math.sqrt(limit), pressure < 0.6 ? limit / 5 : 0));
    }
    if (this.#count > 0) this.#latencyMs = this.#sum / this.#count;
    for (const baseline of this.#seen) {
      if (this.#probe !== undefined) baseline.forget();
      else baseline.fold(inUse && pressure > 0.75 ? 'held' : 'free');
    }
    this.#reset(now);
  }

  #endProbe(now: number, probe: Probe): void {
    let lower = false;
    for (const baseline of this.#seen) {
      const before = baseline.ms ?? 0;
      baseline.fold('probed');
      lower ||= (baseline.ms ?? 0) < before * 0.8;
    }
    this.#probe = undefined;
    this.#limitAtProbe = this.#limit;
    this.#probeAt = now + Math.max(probeEveryMs, 20 * probe.lasted(now));
    this.#probeEarliest = now + Math.max(probeGapMs, 5 * probe.lasted(now));
    // A quarter still queued, it seems: the next one shows more of the truth.
    if (lower) this.#probeAt = this.#probeEarliest;
    this.#reset(now);
  }

  #reset(now: number): void {
    this.#seen.clear();
    this.#windowStart = now;
    this.#spent = 0;
    this.#allowed = 0;
    this.#count = 0;
    this.#sum = 0;
    this.#peak = 0;
    this.#bound = false;
  }

  #within(limit: number): number {
    return Math.min(this.#max, Math.max(this.#min, limit));
  }
}

const firstProbeMs = 500;
const probeEveryMs = 10_000;
const probeGapMs = 1_000;
