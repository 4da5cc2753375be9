import { expect, test } from '@jest/globals';
import { Lane } from './lane.ts';

function failures(lane: Lane, count: number, nowMs = 0): void {
  for (let i = 0; i < count; i++) {
    lane.started();
    lane.failed(nowMs, 0.5);
  }
}

test('a failure halves what is sent at once, and every delivery adds one', () => {
  const lane = new Lane();
  expect(lane.free(0)).toBe(16);
  failures(lane, 1);
  expect(lane.free(0)).toBe(8);
  lane.started();
  lane.answered();
  expect(lane.free(0)).toBe(9);
});

test('what is in flight is not free', () => {
  const lane = new Lane();
  for (let i = 0; i < 20; i++) lane.started();
  expect(lane.free(0)).toBe(0);
});

test('three failures in a row stop it for a while, never longer than 2 s; then it goes one by one', () => {
  const lane = new Lane();
  failures(lane, 3, 1_000);
  expect(lane.openUntilMs).toBe(1_050);
  expect(lane.free(1_049)).toBe(0);
  expect(lane.free(1_050)).toBe(1);
  failures(lane, 20, 2_000);
  expect(lane.openUntilMs).toBe(3_000);
});

test('an answer after an outage says that it is over, and only once', () => {
  const lane = new Lane();
  failures(lane, 5);
  lane.started();
  lane.started();
  expect([lane.answered(), lane.answered()]).toEqual([true, false]);
  expect(lane.free(10_000)).toBe(3);
});
