import { expect, test } from '@jest/globals';
import { Breaker } from './breaker.ts';

const always = () => 1;
const a = 'a';
const b = 'b';

/** So many failures of each instance, over `ms`. */
function fail(
  breaker: Breaker<string>,
  count: number,
  ms: number,
  ready: readonly string[],
  from = 0,
): number {
  for (let i = 0; i < count; i += 1)
    breaker.failed(from + (ms * i) / (count - 1), ready[i % ready.length], ready);
  return from + ms;
}

test('opens after nothing but failures for 3 s, twenty of them', () => {
  const cases = [
    { count: 20, ms: 3_000, state: 'open' },
    { count: 19, ms: 3_000, state: 'closed' },
    { count: 500, ms: 2_900, state: 'closed' },
  ];
  for (const { count, ms, state } of cases) {
    const breaker = new Breaker<string>(always);
    fail(breaker, count, ms, [a, b]);
    expect(breaker.state).toBe(state);
  }
});

test('one success begins the count anew, wherever it comes from', () => {
  const breaker = new Breaker<string>(always);
  const now = fail(breaker, 500, 2_999, [a]);
  breaker.succeeded();
  fail(breaker, 19, 3_000, [a], now);
  expect(breaker.state).toBe('closed');
});

test('stays closed for as long as a ready instance has not failed: it may be a good one', () => {
  const breaker = new Breaker<string>(always);
  for (let now = 0; now < 60_000; now += 100) breaker.failed(now, a, [a, b]);
  expect(breaker.state).toBe('closed');
  for (let i = 0; i < 3; i += 1) breaker.failed(60_000, b, [a, b]);
  expect(breaker.state).toBe('open');
});

test('opens without an instance too', () => {
  const breaker = new Breaker<string>(always);
  for (let now = 0; now <= 3_000; now += 150) breaker.failed(now, undefined, []);
  expect(breaker.state).toBe('open');
});

test('open, it lets three probes through after each pause, and pauses longer each time', () => {
  const breaker = new Breaker<string>(always);
  let now = fail(breaker, 20, 3_000, [a]);
  const pauses: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    expect(breaker.admits(now)).toBe(false);
    const ms = breaker.waitMs(now);
    pauses.push(ms);
    expect(breaker.admits(now + ms - 1)).toBe(false);
    now += ms;
    const admitted = [1, 2, 3, 4, 5].filter(() => breaker.admits(now));
    expect(admitted).toHaveLength(3);
    expect(breaker.state).toBe('half_open');
    for (const _ of admitted) breaker.failed(now, a, [a]);
    expect(breaker.state).toBe('open');
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
  expect(breaker.transitions).toEqual({ closed: 0, open: 6, half_open: 5 });
  expect(breaker.refused).toBe(20);
});

test('closes on the first success, and forgets', () => {
  const breaker = new Breaker<string>(always);
  let now = fail(breaker, 20, 3_000, [a]);
  now += breaker.waitMs(now);
  expect(breaker.admits(now)).toBe(true);
  breaker.succeeded();
  expect(breaker.state).toBe('closed');
  for (let i = 0; i < 100; i += 1) expect(breaker.admits(now)).toBe(true);
  fail(breaker, 19, 3_000, [a], now);
  expect(breaker.state).toBe('closed');
});

test('probes that tell nothing are followed by others', () => {
  const breaker = new Breaker<string>(always);
  let now = fail(breaker, 20, 3_000, [a]);
  for (let round = 0; round < 3; round += 1) {
    now += breaker.waitMs(now);
    expect([1, 2, 3, 4].filter(() => breaker.admits(now))).toHaveLength(3);
  }
});

test('an instance that connects is probed at once', () => {
  const breaker = new Breaker<string>(always);
  const now = fail(breaker, 20, 3_000, [a]);
  expect(breaker.admits(now)).toBe(false);
  breaker.hurry();
  expect(breaker.admits(now)).toBe(true);
});
