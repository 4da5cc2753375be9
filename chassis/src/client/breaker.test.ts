import { expect, test } from '@jest/globals';
import { Breaker } from './breaker.ts';

const always = () => 1;
const a = { name: 'a' };
const b = { name: 'b' };
type Instance = typeof a;
/** What is called. */
const read = '/test.Echo/read';
const other = '/test.Echo/other';

/** So many failures of each instance, over `ms`. */
function fail(
  breaker: Breaker<Instance>,
  count: number,
  ms: number,
  ready: readonly Instance[],
  from = 0,
): number {
  for (let i = 0; i < count; i += 1)
    breaker.failed(from + (ms * i) / (count - 1), read, ready[i % ready.length], ready);
  return from + ms;
}

test('opens after nothing but failures for 3 s, twenty of them', () => {
  const cases = [
    { count: 20, ms: 3_000, state: 'open' },
    { count: 19, ms: 3_000, state: 'closed' },
    { count: 500, ms: 2_900, state: 'closed' },
  ];
  for (const { count, ms, state } of cases) {
    const breaker = new Breaker<Instance>(always);
    fail(breaker, count, ms, [a, b]);
    expect(breaker.state).toBe(state);
  }
});

test('one success begins the count anew, wherever it comes from', () => {
  const breaker = new Breaker<Instance>(always);
  const now = fail(breaker, 500, 2_999, [a]);
  breaker.succeeded();
  fail(breaker, 19, 3_000, [a], now);
  expect(breaker.state).toBe('closed');
});

test('stays closed for as long as a ready instance has not failed: it may be a good one', () => {
  const breaker = new Breaker<Instance>(always);
  for (let now = 0; now < 60_000; now += 100) breaker.failed(now, read, a, [a, b]);
  expect(breaker.state).toBe('closed');
  for (let i = 0; i < 3; i += 1) breaker.failed(60_000, read, b, [a, b]);
  expect(breaker.state).toBe('open');
});

test('opens without an instance too', () => {
  const breaker = new Breaker<Instance>(always);
  for (let now = 0; now <= 3_000; now += 150) breaker.failed(now, read, undefined, []);
  expect(breaker.state).toBe('open');
});

test('open, it lets three probes through after each pause, and pauses longer each time', () => {
  const breaker = new Breaker<Instance>(always);
  let now = fail(breaker, 20, 3_000, [a]);
  const pauses: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    expect(breaker.admits(now, read)).toBe(false);
    const ms = breaker.waitMs(now);
    pauses.push(ms);
    expect(breaker.admits(now + ms - 1, read)).toBe(false);
    now += ms;
    const admitted = [1, 2, 3, 4, 5].filter(() => breaker.admits(now, read));
    expect(admitted).toHaveLength(3);
    expect(breaker.state).toBe('half_open');
    for (const _ of admitted) breaker.failed(now, read, a, [a]);
    expect(breaker.state).toBe('open');
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
  expect(breaker.transitions).toEqual({ closed: 0, open: 6, half_open: 5 });
  expect(breaker.refused).toBe(20);
});

test('closes on the first success, and forgets', () => {
  const breaker = new Breaker<Instance>(always);
  let now = fail(breaker, 20, 3_000, [a]);
  now += breaker.waitMs(now);
  expect(breaker.admits(now, read)).toBe(true);
  breaker.succeeded();
  expect(breaker.state).toBe('closed');
  for (let i = 0; i < 100; i += 1) expect(breaker.admits(now, read)).toBe(true);
  fail(breaker, 19, 3_000, [a], now);
  expect(breaker.state).toBe('closed');
});

test('probes that tell nothing are followed by others', () => {
  const breaker = new Breaker<Instance>(always);
  let now = fail(breaker, 20, 3_000, [a]);
  for (let round = 0; round < 3; round += 1) {
    now += breaker.waitMs(now);
    expect([1, 2, 3, 4].filter(() => breaker.admits(now, read))).toHaveLength(3);
  }
});

test('an instance that connects is called at once by all, until one of them fails', () => {
  const breaker = new Breaker<Instance>(always);
  const now = fail(breaker, 20, 3_000, [a]);
  expect(breaker.admits(now, read)).toBe(false);
  breaker.hurry(now);
  for (let i = 0; i < 100; i += 1) expect(breaker.admits(now, read)).toBe(true);
  breaker.failed(now, read, a, [a]);
  expect(breaker.admits(now, read)).toBe(false);
  breaker.hurry(now);
  breaker.succeeded();
  breaker.hurry(now);
  expect(breaker.transitions).toEqual({ closed: 1, open: 2, half_open: 2 });
});

test('a method that has not failed is called for as long as there is somebody to call', () => {
  const breaker = new Breaker<Instance>(always);
  let now = fail(breaker, 20, 3_000, [a]);
  expect([breaker.admits(now, read), breaker.admits(now, other)]).toEqual([false, true]);
  breaker.failed(now, other, a, [a]);
  expect(breaker.admits(now, other)).toBe(false);
  // Its success is the target's.
  breaker.succeeded();
  expect(breaker.admits(now, read)).toBe(true);
  now = fail(breaker, 20, 3_000, [a], now);
  breaker.failed(now, read, undefined, []);
  expect(breaker.admits(now, other)).toBe(false);
});
