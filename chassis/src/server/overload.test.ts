import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { LoadSlot } from '../testing/open-loop-load.ts';
import { goodputOf, startOverload, type Overload } from './overload.test.support.ts';

// PROVE=1: a minute of overload, and server and load each pinned to a core.
const prove = process.env['PROVE'] === '1';
// Long calls in the short form: beside other tests the machine may keep the server waiting for 50 ms.
const workMs = prove ? 20 : 100;
const permits = prove ? 12 : 20;
const capacity = (permits * 1000) / workMs;
const overloadMs = prove ? 60_000 : 2_500;
const fullMs = prove ? 15_000 : 1_250;
// A server that collapses answers next to nothing: beside other tests the short form asks for no more than that.
const share = prove ? 0.8 : 0.5;

let overload: Overload;

beforeAll(async () => {
  overload = await startOverload(permits, workMs, prove);
});
afterAll(() => overload.close());

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

const meanGoodput = (slots: readonly LoadSlot[]): number => mean(slots.map((slot) => goodputOf(slot)));

function endedWith(slots: readonly LoadSlot[], ending: string): number {
  return slots
    .flatMap((slot) => Object.entries(slot.ended))
    .filter(([key]) => key.endsWith(ending))
    .reduce((sum, [, count]) => sum + count, 0);
}

test(
  'at three times its capacity a server keeps its goodput, serves what matters most, and recovers',
  async () => {
    const slots = await overload.play([
      { ms: fullMs, rates: { work: capacity * 1.2 } },
      { ms: overloadMs, rates: { undo: capacity / 10, work: capacity * 1.9, report: capacity } },
      { ms: fullMs, rates: { work: capacity * 1.2 } },
      { ms: 1_500, rates: { work: capacity * 0.7 } },
    ]);
    const [before = [], during = [], between = [], after = []] = [0, 1, 2, 3].map((phase) =>
      slots.filter((slot) => slot.phase === phase),
    );
    // What it serves when it is full, over as long as the machine's own pauses count in both.
    const peak = Math.max(meanGoodput(before), meanGoodput(between));
    const goodput = meanGoodput(during);
    const offered = 4 * mean(during.map((slot) => slot.offered));
    if (prove) {
      const p99 = Math.max(...during.map((slot) => slot.p99));
      process.stderr.write(
        `figures: ${offered.toFixed(0)} calls a second offered, ${goodput.toFixed(0)} served, ${peak.toFixed(0)} at its peak, p99 ${p99.toFixed(0)} ms\n`,
      );
    }
    expect(offered).toBeGreaterThan(peak * (prove ? 2 : 1.5));
    expect(goodput).toBeGreaterThan(peak * share);

    expect(endedWith(during, 'UNAVAILABLE')).toBeGreaterThan(capacity);
    // Of a server that collapses, nearly all. A busy machine alone makes some late.
    const asked = during.reduce((sum, slot) => sum + slot.offered, 0);
    expect(endedWith(during, 'DEADLINE_EXCEEDED')).toBeLessThan(prove ? capacity / 10 : asked / 10);
    expect(endedWith(during, 'BUG')).toBe(0);
    const undone = endedWith(during, 'undo OK');
    const undoRefused = endedWith(during, 'undo UNAVAILABLE');
    expect(undone).toBeGreaterThan(10 * undoRefused);
    const perSecond = (method: string): number => mean(during.map((slot) => goodputOf(slot, method)));
    expect(perSecond('report')).toBeLessThan(perSecond('work') / 3);

    const last = after.slice(-4);
    expect(4 * mean(last.map((slot) => slot.offered))).toBeGreaterThan(capacity * 0.5);
    expect(mean(last.map((slot) => goodputOf(slot)))).toBeGreaterThan(
      4 * mean(last.map((slot) => slot.offered)) * (prove ? 0.9 : 0.7),
    );
    expect(endedWith(last, 'UNAVAILABLE')).toBeLessThanOrEqual(prove ? 0 : capacity / 10);

    const metrics = await overload.metrics();
    expect(metrics).toMatch(/weft_server_call_refused_total\{weft_call_priority="batch".*\} [1-9]/);
    expect(metrics).toMatch(/weft_server_call_limit(\{.*\})? [1-9]/);
    expect(overload.log()).toContain('overloaded: calls refused');
  },
  overloadMs + 2 * fullMs + 40_000,
);
