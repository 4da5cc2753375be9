import { expect, test } from '@jest/globals';
import { forgetMs, freeAttempts, holdMs, withAttempt, type Attempts } from './sign-in-attempts.ts';

const none: Attempts = { failures: 0, lastAtMs: 0 };

test('ten attempts are free, then each waits twice as long as the one before, at most ten minutes', () => {
  let attempts = none;
  let nowMs = 1_000_000;
  const waits: number[] = [];
  for (let n = 0; n < freeAttempts + 12; n += 1) {
    const hold = holdMs(attempts, nowMs);
    waits.push(hold);
    nowMs += hold;
    expect(holdMs(attempts, nowMs)).toBe(0);
    attempts = withAttempt(attempts, nowMs);
  }
  expect(waits.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 0));
  expect(waits.slice(10, 14)).toEqual([2_000, 4_000, 8_000, 16_000]);
  expect(waits.at(-1)).toBe(600_000);
});

test('whoever goes on as fast as they may gets some 160 guesses a day', () => {
  let attempts = none;
  let guesses = 0;
  for (let nowMs = 1; nowMs < 24 * 3_600_000; nowMs += Math.max(1, holdMs(attempts, nowMs))) {
    attempts = withAttempt(attempts, nowMs);
    guesses += 1;
  }
  expect(guesses).toBeGreaterThan(140);
  expect(guesses).toBeLessThan(170);
});

test('failures are forgotten after an hour without another', () => {
  const many = { failures: 50, lastAtMs: 1_000 };
  expect(holdMs(many, 1_000 + forgetMs - 1)).toBe(0);
  expect(withAttempt(many, 1_000 + forgetMs - 1).failures).toBe(51);
  expect(withAttempt(many, 1_000 + forgetMs).failures).toBe(1);
});
