import type { Priority } from '../../contract.ts';
import { Baseline } from './baseline.ts';
import { Gate, type Entrant, type GateClock, type GateOptions } from './gate.ts';

/** What a simulated server can do: so many calls at once, each so long; more queue inside it, without bound. */
export interface Capacity {
  readonly permits: number;
  readonly serviceMs: () => number;
}

export interface Phase {
  readonly ms: number;
  /** Calls a second; they come at random (Poisson), in groups of `burst`. */
  readonly rate: number;
  readonly burst?: number;
  readonly capacity: Capacity;
  /** The event loop is late by so much. */
  readonly lagMs?: number;
}

export interface PhaseResult {
  /** Calls a second that were answered within their deadline. */
  readonly goodput: number;
  readonly goodputOf: Readonly<Record<Priority, number>>;
  readonly refused: number;
  readonly late: number;
  /** Goodput in the phase's last quarter. */
  readonly goodputAtEnd: number;
  readonly limits: readonly number[];
  readonly latencies: readonly number[];
}

export interface SimulatedCall extends Entrant {
  deadlineMs: number;
  readonly arrivedMs: number;
  readonly phase: number;
}

export interface SimulationOptions extends Pick<GateOptions<SimulatedCall>, 'min' | 'max' | 'initial'> {
  readonly seed?: number;
  readonly deadlineMs?: number;
  readonly priority?: (random: number) => Priority;
  readonly withoutLimit?: boolean;
}

/** The same numbers for the same seed (mulberry32). */
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

/** Events in the order of their times, on a clock that jumps from one to the next. */
class Timeline implements GateClock {
  #time = 0;
  #heap: { at: number; order: number; work: () => void }[] = [];
  #order = 0;
  lagMs = 0;
  now = (): number => this.#time;
  epoch = (): number => this.#time;
  soon = (work: () => void): void => this.at(this.#time, work);
  later = (work: () => void, ms: number): void => this.at(this.#time + ms + this.lagMs, work);

  at(at: number, work: () => void): void {
    const heap = this.#heap;
    const event = { at, order: (this.#order += 1), work };
    let i = heap.push(event) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (before(heap[up]!, event)) break;
      heap[i] = heap[up]!;
      i = up;
    }
    heap[i] = event;
  }

  runUntil(end: number): void {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > end) break;
      this.#removeFirst();
      this.#time = first.at;
      first.work();
    }
    this.#time = end;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (before(last, heap[child]!)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

const before = (a: { at: number; order: number }, b: { at: number; order: number }): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order);

/** Plays a server behind a gate through its phases, one after the other. */
export function simulate(phases: readonly Phase[], options: SimulationOptions = {}): PhaseResult[] {
  const random = seeded(options.seed ?? 1);
  const deadlineMs = options.deadlineMs ?? 1_000;
  const timeline = new Timeline();
  const baseline = new Baseline();
  const queue: SimulatedCall[] = [];
  const results = phases.map(() => ({
    good: { CRITICAL: 0, USER: 0, BATCH: 0 },
    atEnd: 0,
    refused: 0,
    late: 0,
    limits: [] as number[],
    latencies: [] as number[],
  }));
  let busy = 0;
  let phase = 0;
  let phaseEnd = 0;
  const serve = (): void => {
    const { permits, serviceMs } = phases[phase]!.capacity;
    while (busy < permits && queue.length > 0) {
      const call = queue.shift()!;
      busy += 1;
      timeline.at(timeline.now() + serviceMs(), () => {
        busy -= 1;
        // Work of one phase that ends in another counts for neither.
        const result = results[call.phase]!;
        if (timeline.now() <= call.deadlineMs) {
          if (call.phase === phase) result.good[call.priority] += 1;
          if (call.phase === phase && timeline.now() > phaseEnd - phases[phase]!.ms / 4) result.atEnd += 1;
          result.latencies.push(timeline.now() - call.arrivedMs);
        } else result.late += 1;
        gate.leave(call);
        serve();
      });
    }
  };
  const run = (call: SimulatedCall): void => {
    queue.push(call);
    serve();
  };
  const gate = new Gate<SimulatedCall>({
    ...options,
    clock: timeline,
    run,
    refuse: (call) => void (results[call.phase]!.refused += 1),
    late: (call) => void (results[call.phase]!.late += 1),
    onTick: () => results[phase]?.limits.push(gate.limit),
  });
  const arrive = (): void => {
    const now = timeline.now();
    const call: SimulatedCall = {
      priority: options.priority?.(random()) ?? 'USER',
      streaming: false,
      baseline,
      deadlineMs: now + deadlineMs,
      arrivedMs: now,
      phase,
      ended: false,
      failed: false,
      slotSince: undefined,
    };
    if (options.withoutLimit === true) run(call);
    else gate.arrive(call);
  };
  const arrivals = (): void => {
    const { rate, burst = 1 } = phases[phase]!;
    for (let i = 0; i < burst; i += 1) arrive();
    timeline.at(timeline.now() + exponential(random, (1000 * burst) / rate), arrivals);
  };
  timeline.at(0, arrivals);
  for (phase = 0; phase < phases.length; phase += 1) {
    timeline.lagMs = phases[phase]!.lagMs ?? 0;
    phaseEnd += phases[phase]!.ms;
    timeline.runUntil(phaseEnd);
  }
  return results.map((result, index) => {
    const seconds = phases[index]!.ms / 1000;
    const { good, atEnd, refused, late, limits, latencies } = result;
    const goodputOf = {
      CRITICAL: good.CRITICAL / seconds,
      USER: good.USER / seconds,
      BATCH: good.BATCH / seconds,
    };
    const goodput = goodputOf.CRITICAL + goodputOf.USER + goodputOf.BATCH;
    return { goodput, goodputOf, goodputAtEnd: atEnd / (seconds / 4), refused, late, limits, latencies };
  });
}
