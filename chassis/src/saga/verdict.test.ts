import { expect, test } from '@jest/globals';
import { RetryInfo } from '@weft/proto/google/rpc/error_details';
import { ServiceError, type CodeName } from '../errors.ts';
import { judge } from './verdict.ts';

const row = { kind: 'step', state: 'pending', attempts: 0, ageMs: 0 } as const;
const error = (code: CodeName, reason = 'X') => new ServiceError(code, reason, 'no');

test('backs off by 100 ms × 2ⁿ with full jitter, 30 s at most', () => {
  const delays = [0, 1, 5, 12].map(
    (attempts) => judge({ ...row, attempts }, error('UNAVAILABLE'), 1).delayMs,
  );
  expect(delays).toEqual([100, 200, 3_200, 30_000]);
  expect(judge(row, error('UNAVAILABLE'), 0).delayMs).toBe(0);
});

test("obeys the server's pushback", () => {
  const value = RetryInfo.encode({ retryDelay: { seconds: 7n, nanos: 500_000_000 } }).finish();
  const details = [{ type: 'google.rpc.RetryInfo', value }];
  const pushed = new ServiceError('RESOURCE_EXHAUSTED', 'X', 'later', { details });
  expect(judge(row, pushed, 0).delayMs).toBe(7_500);
});

test('an invalid message is poison at its third attempt', () => {
  const states = [0, 1, 2].map(
    (attempts) => judge({ ...row, attempts }, error('INVALID_ARGUMENT'), 0.5).state,
  );
  expect(states).toEqual(['pending', 'pending', 'parked']);
});

test.each(['UNIMPLEMENTED', 'UNAUTHENTICATED', 'PERMISSION_DENIED'] as const)(
  '%s may be a rollout: poison only after 10 attempts and 10 minutes',
  (code) => {
    expect(judge({ ...row, attempts: 50, ageMs: 599_000 }, error(code), 0.5).state).toBe('pending');
    expect(judge({ ...row, attempts: 8, ageMs: 601_000 }, error(code), 0.5).state).toBe('pending');
    expect(judge({ ...row, attempts: 9, ageMs: 601_000 }, error(code), 0.5).state).toBe('parked');
  },
);

test('a message that must not exist is parked at once; a parked decision is tried every 5 minutes, a step never', () => {
  const alarm = error('FAILED_PRECONDITION', 'SAGA_ALARM');
  expect(judge({ ...row, kind: 'final' }, alarm, 0.5)).toEqual({ state: 'parked', delayMs: 300_000 });
  expect(judge(row, alarm, 0.5)).toEqual({ state: 'parked' });
  expect(judge({ ...row, kind: 'undo', state: 'parked' }, error('UNAVAILABLE'), 0.5).delayMs).toBe(300_000);
});

test.each(['undo', 'final', 'must'] as const)(
  'a message with a decision (%s) that fails by itself is parked after ten attempts, not while its target is away',
  (kind) => {
    const message = { ...row, kind, attempts: 9, ageMs: 1e9 };
    for (const failure of [error('INTERNAL'), error('FAILED_PRECONDITION'), new TypeError('bug')]) {
      expect(judge({ ...message, attempts: 8 }, failure, 0.5).state).toBe('pending');
      expect(judge(message, failure, 0.5)).toEqual({ state: 'parked', delayMs: 300_000 });
    }
    expect(judge(message, error('UNAVAILABLE'), 0.5).state).toBe('pending');
  },
);

test('a step that fails by itself is tried again until it expires', () => {
  expect(judge({ ...row, attempts: 1_000, ageMs: 1e9 }, new TypeError('bug'), 0.5).state).toBe('pending');
});
