import type { Priority } from '../../call-context.ts';
import type { Baseline } from './baseline.ts';
import { AdaptiveLimit, type LimitOptions } from './limit.ts';
import { roomFor } from './shares.ts';
import { WaitingLine } from './waiting-line.ts';

/** What the gate needs to know of a call. */
export interface Entrant {
  readonly priority: Priority;
  /** Whether requests or answers are a stream. */
  readonly streaming: boolean;
  /** Its method's. */
  readonly baseline: Baseline;
  /** Epoch milliseconds. */
  readonly deadlineMs: number | undefined;
  /** Whether nobody waits for it any more. */
  readonly ended: boolean;
  readonly failed: boolean;
  /** The gate's own: when it was let in, while it holds a slot. */
  slotSince: number | undefined;
}

export interface GateOptions<C> extends LimitOptions {
  /** Streams open at once. Default 10,000. */
  readonly maxStreams?: number;
  /** Runs a call that is let in. Its end is told by `leave`. */
  readonly run: (call: C) => void;
  /** Answers a call that is not, after how long it may try again. */
  readonly refuse: (call: C, retryAfterMs: number) => void;
  /** Drops a call whose deadline has passed, or that nobody waits for. */
  readonly late: (call: C) => void;
  /** Told of each tick, for the log. */
  readonly onTick?: () => void;
  readonly clock?: GateClock;
}

/** Time, as a test may play it. */
export interface GateClock {
  /** Steady, milliseconds. */
  now(): number;
  /** Milliseconds since the epoch. */
  epoch(): number;
  /** The event loop's since it was last asked: 1 when it never waited for anything. */
  utilization(): number;
  /** After this turn of the event loop. */
  soon(work: () => void): void;
  /** After so many milliseconds; keeps no process alive. */
  later(work: () => void, ms: number): void;
}

const tickMs = 100;
const longestLine = 1_000;
const longestWaitMs = 2_000;
const patience = 0.4;
const busyShare = 0.8;
const streamBeginningMs = 1_000;
const shortestPushbackMs = 50;
const longestPushbackMs = 1_000;

const realClock = (): GateClock => ({
  utilization: utilizationMeter(),
  now: () => performance.now(),
  epoch: () => Date.now(),
  soon: (work) => void setImmediate(work),
  later: (work, ms) => void setTimeout(work, ms).unref(),
});

function utilizationMeter(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

/**
 * Lets calls in as far as the limit and their priority allow, and refuses the others before they cost
 * anything. In between, USER and CRITICAL calls wait for two fifths of the time that their callers give them,
 * 2 s at most: bursts are served then. BATCH never waits.
 *
 * A slot is given back at the end of the event loop's turn, not of the call: what the loop has still to work
 * off counts as in flight then, also where a handler never waits. A stream holds a slot until its first
 * answer, 1 s at most; streams that are open have a limit of their own.
 */
export class Gate<C extends Entrant> {
  readonly refused: Record<Priority, number> = { CRITICAL: 0, USER: 0, BATCH: 0 };
  /** Calls that nobody waited for any more when they could begin. */
  expired = 0;
  inFlight = 0;
  streams = 0;
  readonly maxStreams: number;
  readonly #options: GateOptions<C>;
  readonly #clock: GateClock;
  readonly #limit: AdaptiveLimit;
  readonly #line = new WaitingLine<C>();
  /** Critical calls, before all others. */
  readonly #urgent = new WaitingLine<C>();
  readonly #beginning = new Set<C>();
  #leaving: C[] = [];
  #ticking = false;
  #arrivals = 0;
  #turnedAway = 0;
  #pushbackMs = shortestPushbackMs;

  constructor(options: GateOptions<C>) {
    this.#options = options;
    this.#clock = options.clock ?? realClock();
    this.maxStreams = options.maxStreams ?? 10_000;
    this.#limit = new AdaptiveLimit(options, this.#clock.now());
  }

  get limit(): number {
    return this.#limit.limit;
  }

  get waiting(): number {
    return this.#line.length + this.#urgent.length;
  }

  /** A call has come. Answers whether it runs or waits; else it is answered already. */
  arrive(call: C): boolean {
    this.#arrivals += 1;
    if (!this.#ticking) this.#startTicking();
    if (this.#isLate(call)) return false;
    if (call.streaming && this.streams >= roomFor(call.priority, this.maxStreams)) return this.#refuse(call);
    const { priority } = call;
    const line = priority === 'CRITICAL' ? this.#urgent : this.#line;
    if (line.length === 0 && this.#hasRoom(priority)) {
      this.#start(call, this.#clock.now());
      return true;
    }
    this.#limit.held();
    if (priority === 'BATCH') return this.#refuse(call);
    if (line.length >= longestLine) return this.#refuse(call);
    line.push(call, this.#clock.now() + this.#patienceMs(call));
    return true;
  }

  /** A stream has begun to answer: it needs no slot any more. */
  begun(call: C): void {
    if (this.#beginning.delete(call)) this.#giveBack(call);
  }

  /** A call that ran is through. */
  leave(call: C): void {
    if (call.streaming) {
      this.streams -= 1;
      this.begun(call);
    } else this.#giveBack(call);
  }

  #start(call: C, now: number): void {
    call.slotSince = now;
    this.inFlight += 1;
    this.#limit.started(this.inFlight);
    if (call.streaming) {
      this.streams += 1;
      this.#beginning.add(call);
    }
    this.#options.run(call);
  }

  #giveBack(call: C): void {
    if (this.#leaving.push(call) === 1) this.#clock.soon(() => this.#turned());
  }

  /** The event loop's turn is over. */
  #turned(): void {
    const now = this.#clock.now();
    const through = this.#leaving;
    this.#leaving = [];
    for (const call of through) {
      this.inFlight -= 1;
      const since = call.slotSince;
      call.slotSince = undefined;
      // How long a stream's beginning takes is its handler's affair.
      if (since !== undefined && !call.streaming)
        this.#limit.finished(call.baseline, since, now, this.inFlight, call.failed);
    }
    this.#admitWaiting(now);
  }

  #admitWaiting(now: number): void {
    this.#admitFrom(this.#urgent, 'CRITICAL', now);
    this.#admitFrom(this.#line, 'USER', now);
  }

  #admitFrom(line: WaitingLine<C>, priority: Priority, now: number): void {
    while (line.length > 0 && this.#hasRoom(priority)) {
      const call = line.take();
      if (call !== undefined && !this.#isLate(call)) this.#start(call, now);
    }
  }

  /** Two fifths of what its caller is ready to wait. */
  #patienceMs({ deadlineMs }: C): number {
    if (deadlineMs === undefined) return longestWaitMs;
    return Math.min(longestWaitMs, (deadlineMs - this.#clock.epoch()) * patience);
  }

  #hasRoom(priority: Priority): boolean {
    return this.inFlight < roomFor(priority, this.#limit.limit);
  }

  /** Drops a call that nobody waits for. */
  #isLate(call: C): boolean {
    const late = call.deadlineMs !== undefined && call.deadlineMs <= this.#clock.epoch();
    if (!call.ended && !late) return false;
    this.expired += 1;
    this.#options.late(call);
    return true;
  }

  #refuse(call: C): false {
    this.refused[call.priority] += 1;
    this.#turnedAway += 1;
    this.#limit.held();
    this.#options.refuse(call, this.#pushbackMs);
    return false;
  }

  #startTicking(): void {
    this.#ticking = true;
    const due = this.#clock.now() + tickMs;
    this.#clock.later(() => this.#tick(due), tickMs);
  }

  #tick(due: number): void {
    const now = this.#clock.now();
    this.#limit.tick(now, now - due, this.#clock.utilization() > busyShare);
    for (const call of this.#beginning)
      if (call.slotSince !== undefined && now - call.slotSince > streamBeginningMs) this.begun(call);
    this.#admitWaiting(now);
    for (const line of [this.#urgent, this.#line])
      for (const call of line.expired(now)) if (!this.#isLate(call)) this.#refuse(call);
    // Callers that are told to come back spread over more time, the more of them there are.
    const share = this.#turnedAway / Math.max(1, this.#arrivals);
    this.#pushbackMs = Math.min(longestPushbackMs, shortestPushbackMs / Math.max(0.01, 1 - share));
    const idle = this.#arrivals === 0 && this.inFlight === 0 && this.waiting === 0;
    this.#arrivals = 0;
    this.#turnedAway = 0;
    this.#options.onTick?.();
    this.#ticking = !idle;
    if (!idle) this.#startTicking();
  }
}
