import { expect, test } from '@jest/globals';
import { Latency } from './latency.ts';

/** One that has answered `count` calls, one after the other, each in `ms`. Answers when the last one ended. */
function answered(latency: Latency, ms: number, count: number, from = 0): number {
  let now = from;
  for (let i = 0; i < count; i += 1) {
    latency.began(now);
    now += ms;
    latency.answered(ms, now);
  }
  return now;
}

test('a peak is taken at once, and goes step by step', () => {
  const latency = new Latency();
  const now = answered(latency, 10, 50);
  expect(latency.peakAt(now)).toBeCloseTo(10);
  latency.began(now);
  latency.answered(300, now + 300);
  expect(latency.peakAt(now + 300)).toBe(300);
  expect(latency.averageAt(now + 300)).toBeLessThan(30);
  const then = answered(latency, 10, 5, now + 300);
  expect(latency.peakAt(then)).toBeGreaterThan(100);
  expect(latency.peakAt(answered(latency, 10, 50, then))).toBeLessThan(15);
});

test('what is not called is forgotten, its average last', () => {
  const latency = new Latency();
  const now = answered(latency, 100, 10);
  expect(latency.peakAt(now + 3_000)).toBeCloseTo(100 / Math.E);
  expect(latency.averageAt(now + 3_000)).toBeGreaterThan(90);
  expect(latency.averageAt(now + 600_000)).toBeLessThan(1);
});

test('one that answers nothing looks slower by the millisecond, until it answers', () => {
  const latency = new Latency();
  const now = answered(latency, 1, 10);
  latency.began(now);
  latency.began(now + 50);
  expect(latency.peakAt(now + 80)).toBe(80);
  expect(latency.averageAt(now + 80)).toBe(80);
  expect(latency.peakAt(now + 120)).toBe(12_000);
  latency.answered(40, now + 90);
  // One call still waits, and it is not known for how long yet: the instance is alive.
  expect(latency.peakAt(now + 91)).toBeLessThan(41);
  // Given up is not answered: silence goes on.
  latency.began(now + 100);
  latency.unanswered(400, now + 500);
  expect(latency.peakAt(now + 700)).toBe(61_000);
});

test('one that always takes long is not frozen for that', () => {
  const latency = new Latency();
  const now = answered(latency, 400, 5);
  latency.began(now);
  expect(latency.peakAt(now + 3_000)).toBe(3_000);
  expect(latency.peakAt(now + 4_001)).toBe(400_100);
});

test('a failure that is quick makes nobody look fast, a refusal makes slower each time', () => {
  const latency = new Latency();
  let now = answered(latency, 100, 10);
  for (let i = 0; i < 50; i += 1) {
    latency.began(now);
    latency.unanswered(1, (now += 1));
  }
  expect(latency.peakAt(now)).toBeGreaterThan(95);
  latency.began(now);
  latency.refused(now + 1);
  expect(latency.peakAt(now + 1)).toBeGreaterThan(195);
  for (let i = 0; i < 20; i += 1) {
    latency.began(now);
    latency.refused(now + 1);
  }
  expect(latency.peakAt(now + 1)).toBeLessThanOrEqual(10_000);
});
