import type { Priority } from '../../call-context.ts';
import { Baseline } from './baseline.ts';
import { Gate, type Entrant } from './gate.ts';
import type { LimitOptions } from './limit.ts';
import { exponential, seeded, Timeline } from './timeline.test.support.ts';

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
  /** The same in the phase's last quarter. */
  readonly goodputAtEnd: number;
  readonly goodputOf: Readonly<Record<Priority, number>>;
  readonly refused: number;
  readonly late: number;
  readonly limits: readonly number[];
  readonly latencies: readonly number[];
}

export interface SimulationOptions extends LimitOptions {
  /** Default 1,000. */
  readonly deadlineMs?: number;
  readonly priority?: () => Priority;
  readonly withoutLimit?: boolean;
}

interface Tally {
  readonly phase: Phase;
  readonly end: number;
  readonly good: Record<Priority, number>;
  atEnd: number;
  refused: number;
  late: number;
  readonly limits: number[];
  readonly latencies: number[];
}

interface Call extends Entrant {
  readonly deadlineMs: number;
  readonly arrivedMs: number;
  readonly tally: Tally;
}

/** Plays a server behind a gate through its phases, one after the other, always alike. */
export function simulate(phases: readonly Phase[], options: SimulationOptions = {}): PhaseResult[] {
  const random = seeded(1);
  const { deadlineMs = 1_000 } = options;
  const timeline = new Timeline();
  const baseline = new Baseline();
  const queue: Call[] = [];
  let end = 0;
  const tallies = phases.map((phase) => newTally(phase, (end += phase.ms)));
  let [tally] = tallies;
  let busy = 0;
  const finish = (call: Call): void => {
    const now = timeline.now();
    busy -= 1;
    if (now > call.deadlineMs) call.tally.late += 1;
    else {
      call.tally.latencies.push(now - call.arrivedMs);
      // Work of one phase that ends in another counts for neither.
      if (call.tally === tally) {
        tally.good[call.priority] += 1;
        if (now > tally.end - tally.phase.ms / 4) tally.atEnd += 1;
      }
    }
    gate.leave(call);
    serve();
  };
  const serve = (): void => {
    while (tally !== undefined && busy < tally.phase.capacity.permits) {
      const call = queue.shift();
      if (call === undefined) return;
      busy += 1;
      timeline.at(timeline.now() + tally.phase.capacity.serviceMs(), () => finish(call));
    }
  };
  const run = (call: Call): void => {
    queue.push(call);
    serve();
  };
  const gate = new Gate<Call>({
    ...options,
    clock: timeline,
    run,
    refuse: (call) => void (call.tally.refused += 1),
    late: (call) => void (call.tally.late += 1),
    onTick: () => tally?.limits.push(gate.limit),
  });
  const arrive = (to: Tally): void => {
    const now = timeline.now();
    const call: Call = {
      priority: options.priority?.() ?? 'USER',
      streaming: false,
      baseline,
      deadlineMs: now + deadlineMs,
      arrivedMs: now,
      tally: to,
      ended: false,
      failed: false,
      slotSince: undefined,
    };
    if (options.withoutLimit === true) run(call);
    else gate.arrive(call);
  };
  const arrivals = (): void => {
    if (tally === undefined) return;
    const { rate, burst = 1 } = tally.phase;
    for (let i = 0; i < burst; i += 1) arrive(tally);
    timeline.at(timeline.now() + exponential(random, (1000 * burst) / rate), arrivals);
  };
  timeline.at(0, arrivals);
  for (const next of tallies) {
    tally = next;
    timeline.lagMs = next.phase.lagMs ?? 0;
    timeline.runUntil(next.end);
  }
  return tallies.map(resultOf);
}

function newTally(phase: Phase, end: number): Tally {
  const good = { CRITICAL: 0, USER: 0, BATCH: 0 };
  return { phase, end, good, atEnd: 0, refused: 0, late: 0, limits: [], latencies: [] };
}

function resultOf({ phase, good, atEnd, refused, late, limits, latencies }: Tally): PhaseResult {
  const seconds = phase.ms / 1000;
  const goodputOf = {
    CRITICAL: good.CRITICAL / seconds,
    USER: good.USER / seconds,
    BATCH: good.BATCH / seconds,
  };
  const goodput = goodputOf.CRITICAL + goodputOf.USER + goodputOf.BATCH;
  return { goodput, goodputAtEnd: atEnd / (seconds / 4), goodputOf, refused, late, limits, latencies };
}
