import { describe, expect, test } from '@jest/globals';
import { Baseline } from './baseline.ts';
import { AdaptiveLimit } from './limit.ts';
import { simulate, type Capacity, type Phase } from './simulation.test.support.ts';
import { exponential, seeded } from './timeline.test.support.ts';

const random = seeded(7);
/** So many calls at once, each about so long; `varied`: exponentially, else give or take a tenth. */
const capacity = (permits: number, ms: number, varied = false): Capacity => ({
  permits,
  serviceMs: () => (varied ? exponential(random, ms) : ms * (0.9 + 0.2 * random())),
});
const perSecond = (permits: number, ms: number): number => (permits * 1000) / ms;
const p99 = (latencies: readonly number[]): number =>
  [...latencies].sort((a, b) => a - b)[Math.floor(latencies.length * 0.99)] ?? 0;

describe.each([
  { permits: 16, ms: 20, varied: false },
  { permits: 16, ms: 20, varied: true },
  { permits: 4, ms: 5, varied: true },
  { permits: 100, ms: 50, varied: false },
  { permits: 10, ms: 200, varied: true },
])('with $permits calls of $ms ms at once (varied: $varied),', ({ permits, ms, varied }) => {
  const most = perSecond(permits, ms);
  const phase = (load: number, seconds: number): Phase => ({
    ms: seconds * 1000,
    rate: most * load,
    capacity: capacity(permits, ms, varied),
  });
  const [idle, overload, after] = simulate([phase(0.5, 5), phase(3, 30), phase(0.5, 5)], {
    deadlineMs: 20 * ms + 500,
  });

  test('nothing is refused at half load', () => {
    expect(idle).toMatchObject({ refused: 0, late: 0 });
  });

  test('half a minute of three times as much keeps the goodput, and the latency is bounded', () => {
    expect(overload?.goodput).toBeGreaterThan(most * 0.93);
    expect(overload?.goodputAtEnd).toBeGreaterThan(most * 0.9);
    expect(p99(overload?.latencies ?? [])).toBeLessThan(18 * ms + 600);
  });

  test('the limit stays near what the server can do at once, up to the end', () => {
    const last = overload?.limits.slice(-100) ?? [];
    // 10 ms of queueing are always allowed.
    expect(Math.max(...last)).toBeLessThan(permits * (4 + 2 * (10 / ms)) + 30);
  });

  test('it recovers at once', () => {
    expect(after?.goodput).toBeGreaterThan(most * 0.4);
    expect(after?.refused).toBeLessThan(most * 0.05);
  });
});

test('without the limit the same overload leaves nothing', () => {
  const phase = { ms: 20_000, rate: 2_400, capacity: capacity(16, 20) };
  const [bare] = simulate([phase], { withoutLimit: true });
  expect(bare?.goodputAtEnd).toBeLessThan(20);
});

test('a server that starts in overload finds its limit without having seen normal calls', () => {
  const [cold] = simulate([{ ms: 10_000, rate: 2_400, capacity: capacity(16, 20) }]);
  expect(cold?.goodput).toBeGreaterThan(760);
  expect(cold?.limits.at(-1)).toBeLessThan(70);
});

test('overload that comes so slowly that it looks normal is found out', () => {
  const phases = [0.9, 1.02, 1.05, 3].map((load) => ({
    ms: load * 6_000,
    rate: 200 * load,
    capacity: capacity(4, 20),
  }));
  const creeping = simulate(phases, { deadlineMs: 5_000 });
  expect(creeping.at(-1)?.limits.at(-1)).toBeLessThan(40);
  expect(creeping.at(-1)?.goodputAtEnd).toBeGreaterThan(185);
});

test('calls that become slower for good become the new normal, and back', () => {
  const phases = [20, 60, 20].map((ms) => ({ ms: 15_000, rate: 2_400, capacity: capacity(16, ms) }));
  const [, slow, again] = simulate(phases);
  expect(slow?.goodput).toBeGreaterThan(perSecond(16, 60) * 0.9);
  expect(again?.goodput).toBeGreaterThan(perSecond(16, 20) * 0.9);
});

test('a slower dependency with room for more calls gets more calls', () => {
  const phases = [20, 100].map((ms) => ({ ms: 20_000, rate: 3_000, capacity: capacity(10_000, ms) }));
  const [, slow] = simulate(phases, { deadlineMs: 2_000 });
  expect(slow?.goodputAtEnd).toBeGreaterThan(2_850);
  expect(slow?.limits.at(-1)).toBeGreaterThan(300);
});

test('a limit that nobody reaches stays, however slow the calls become', () => {
  const phases = [10, 100].map((ms) => ({ ms: 10_000, rate: 300, capacity: capacity(1_000, ms) }));
  const [, slow] = simulate(phases);
  expect(slow).toMatchObject({ refused: 0 });
  expect(slow?.limits.at(-1)).toBe(100);
});

test('the delay of a busy event loop alone cuts a limit that is in use; of an idle one it excuses calls', () => {
  const steps = (inFlight: number, lagMs: number, busy = true, callMs = 5): AdaptiveLimit => {
    const limit = new AdaptiveLimit({ initial: 100 }, 0);
    const baseline = new Baseline();
    for (let now = 0; now < 900; now += 100) {
      for (let i = 0; i < 20; i += 1) {
        limit.started(inFlight);
        limit.finished(baseline, now - (now < 300 ? 5 : callMs), now, inFlight, false);
      }
      limit.tick(now, lagMs, busy);
    }
    return limit;
  };
  expect(steps(100, 0).limit).toBeGreaterThan(130);
  expect(steps(100, 300).limit).toBeLessThan(35);
  expect(steps(10, 300).limit).toBe(100);
  // The machine kept the loop waiting, and with it the calls: they would not be quicker for being fewer.
  expect(steps(100, 60, true, 60).limit).toBeLessThan(60);
  expect(steps(100, 60, false, 60).limit).toBeGreaterThan(100);
});

test('calls that fail quickly say nothing of how busy the server is', () => {
  const limit = new AdaptiveLimit({ initial: 50 }, 0);
  const baseline = new Baseline();
  for (let now = 100; now < 5_000; now += 100) {
    for (let i = 0; i < 20; i += 1) {
      limit.finished(baseline, now - 20, now, 5, false);
      limit.finished(baseline, now - 0.1, now, 5, true);
    }
    limit.tick(now, 0, false);
  }
  expect(baseline.ms).toBeCloseTo(20, 0);
});
