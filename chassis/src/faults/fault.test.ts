import { expect, test } from '@jest/globals';
import { checkFault, describeFault } from './fault.ts';

const untilMs = 1_800_000_000_000;

test('a fault says what happens to which share of the calls', () => {
  expect(describeFault(checkFault({ delayMs: 200, error: 'UNAVAILABLE', rate: 0.3, untilMs }))).toBe(
    '30% of calls wait 200 ms, then fail with UNAVAILABLE',
  );
  expect(describeFault(checkFault({ delayMs: 5, untilMs }))).toBe('all calls wait 5 ms');
  expect(describeFault(checkFault({ error: 'ABORTED', rate: 0.005, untilMs }))).toBe(
    '0.5% of calls fail with ABORTED',
  );
});

test.each([
  [{ error: 'BROKEN', untilMs }, 'the error "BROKEN" is none of'],
  [{ error: 'toString', untilMs }, 'is none of'],
  [{ error: 'UNAVAILABLE', rate: 0, untilMs }, 'the rate'],
  [{ error: 'UNAVAILABLE', rate: 1.1, untilMs }, 'the rate'],
  [{ error: 'UNAVAILABLE', rate: '1', untilMs }, 'the rate'],
  [{ delayMs: -1, untilMs }, 'the delay'],
  [{ delayMs: 1e9, untilMs }, 'the delay'],
  [{ untilMs }, 'neither a delay nor an error'],
  [{ delayMs: 1 }, 'it has no end'],
  [null, 'it has no end'],
])('%j is none', (value, fault) => expect(() => checkFault(value)).toThrow(fault));

test('all that is wrong is told at once', () =>
  expect(() => checkFault({ delayMs: -1, error: 'NO', rate: 2, untilMs })).toThrow(/delay.*error.*rate/));
