import { expect, test } from '@jest/globals';
import { Failures, type EjectionCause } from './failures.ts';

/** Attempts of which every `every`th fails; answers after how many it is to be set aside, and for what. */
function until(every: number, most = 10_000): { attempts: number; cause: EjectionCause | undefined } {
  const failures = new Failures();
  for (let attempts = 1; attempts <= most; attempts += 1) {
    const cause = attempts % every === 0 ? failures.failed(0) : failures.succeeded();
    if (cause !== undefined) return { attempts, cause };
  }
  return { attempts: most, cause: undefined };
}

test('five failures in a row, or ten of 32 attempts', () => {
  expect(until(1)).toEqual({ attempts: 5, cause: 'consecutive' });
  expect(until(2)).toEqual({ attempts: 20, cause: 'rate' });
  expect(until(3)).toEqual({ attempts: 30, cause: 'rate' });
  expect(until(4).cause).toBeUndefined();
});

test('few failures of few attempts are not judged', () => {
  const failures = new Failures();
  for (let i = 0; i < 4; i += 1) expect(failures.failed(0)).toBeUndefined();
  failures.succeeded();
  for (let i = 0; i < 4; i += 1) expect(failures.failed(0)).toBeUndefined();
});

test('set aside for 5 s, twice as long each time in a row, a minute at most, and forgiven after a good one', () => {
  const failures = new Failures();
  const lengths: number[] = [];
  let now = 0;
  for (let i = 0; i < 6; i += 1) {
    failures.eject(now);
    lengths.push(failures.ejectedUntil - now);
    // What is still under way when it is set aside says nothing new.
    for (let j = 0; j < 20; j += 1) expect(failures.failed(now)).toBeUndefined();
    now = failures.ejectedUntil + 1_000;
  }
  expect(lengths).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  now = failures.ejectedUntil + 61_000;
  failures.eject(now);
  expect(failures.ejectedUntil - now).toBe(5_000);
});
