import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RetryBudget } from './retry-budget.ts';

test('in any window no more are made than a fifth of its calls and 10 a second, whatever came before', () => {
  const step = fc.record({
    waitMs: fc.nat({ max: 700 }),
    calls: fc.nat({ max: 60 }),
    wanted: fc.nat({ max: 120 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      let now = 0;
      const budget = new RetryBudget(() => now);
      const seen = steps.map(({ waitMs, calls, wanted }) => {
        now += waitMs;
        for (let i = 0; i < calls; i += 1) budget.deposit();
        let made = 0;
        for (let i = 0; i < wanted; i += 1) if (budget.withdraw()) made += 1;
        return { now, calls, made };
      });
      for (let first = 0; first < seen.length; first += 1) {
        const startedAt = seen[first]?.now ?? 0;
        let calls = 0;
        let made = 0;
        for (const each of seen.slice(first)) {
          calls += each.calls;
          made += each.made;
          const seconds = Math.floor((each.now - startedAt) / 1_000) + 1;
          // One may be left over from the calls before, as a fifth of one call is no attempt.
          expect(made).toBeLessThanOrEqual(calls * 0.2 + 1 + 10 * seconds);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('a fifth of the calls may be made again even when the ten of this second are gone', () => {
  const budget = new RetryBudget(() => 0);
  for (let i = 0; i < 10; i += 1) expect(budget.withdraw()).toBe(true);
  expect(budget.withdraw()).toBe(false);
  let made = 0;
  for (let i = 0; i < 100; i += 1) {
    budget.deposit();
    if (budget.withdraw()) made += 1;
  }
  expect(made).toBe(20);
  expect(budget.left).toBe(0);
});
