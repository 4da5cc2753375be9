import { expect, test } from '@jest/globals';
import { ServiceError } from '../errors.ts';
import { retryDelayMs } from './retry.ts';

const failure = (retryAfterMs?: number) =>
  new ServiceError('UNAVAILABLE', 'TEST', 'played', retryAfterMs === undefined ? {} : { retryAfterMs });

test('the wait is anything from nothing to a bound that doubles: full jitter', () => {
  const bounds = [20, 40, 80, 160, 320, 500, 500];
  for (const random of [0, 0.25, 0.999])
    expect(bounds.map((_, i) => retryDelayMs(failure(), i + 1, () => random))).toEqual(
      bounds.map((bound) => bound * random),
    );
});

test('the wait that a server asks for is that, and no chance', () => {
  expect(retryDelayMs(failure(700), 1, () => 0)).toBe(700);
  expect(retryDelayMs(failure(0), 3, () => 0.9)).toBe(0);
});
