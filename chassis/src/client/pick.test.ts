import { expect, test } from '@jest/globals';
import { choicesOf, pick, type Candidate } from './pick.ts';

interface Played {
  readonly name: string;
  readonly zone: string;
  readonly ready: boolean;
  readonly ejected: boolean;
  readonly serving: boolean;
  readonly inFlight: number;
  readonly weight: number;
  readonly warmth: number;
  readonly latencyMs: number;
  readonly averageMs: number;
}

type Named = Candidate & Pick<Played, 'name'>;

function candidate(name: string, changes: Partial<Played> = {}): Named {
  const good = { zone: '', ready: true, ejected: false, serving: true, inFlight: 0, weight: 1 };
  const played = { name, ...good, warmth: 1, latencyMs: 5, averageMs: changes.latencyMs ?? 5, ...changes };
  return {
    ...played,
    warmthAt: () => played.warmth,
    latencyAt: () => played.latencyMs,
    averageAt: () => played.averageMs,
  };
}

/** A generator of numbers from 0 to 1 that is the same in every run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** How many of 10,000 picks each gets. */
function shares(
  candidates: readonly Named[],
  { tried = new Set<Named>(), zone = '' } = {},
): Record<string, number> {
  const random = seeded(1);
  const counts: Record<string, number> = {};
  const choices = choicesOf(candidates, zone, 0);
  for (let i = 0; i < 10_000; i += 1) {
    const name = pick(choices, tried, random, 0)?.name ?? 'none';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const near = 'near';
const far = 'far';
const zoned = (name: string, zone: string, changes: Partial<Played> = {}) =>
  candidate(name, { zone, ...changes });

test('like instances share evenly', () => {
  const counts = shares(['a', 'b', 'c', 'd'].map((name) => candidate(name)));
  for (const name of ['a', 'b', 'c', 'd']) expect(counts[name]).toBeGreaterThan(2_300);
});

test('a slow, a busy and a cold instance get less, and not nothing', () => {
  for (const worse of [{ latencyMs: 50 }, { inFlight: 9 }, { warmth: 0.1 }]) {
    const counts = shares([candidate('a'), candidate('b'), candidate('worse', worse)]);
    expect(counts['worse']).toBeGreaterThan(10);
    expect(counts['worse']).toBeLessThan(700);
  }
});

test('differences that are noise do not decide', () => {
  const counts = shares([candidate('a', { latencyMs: 0.1 }), candidate('b', { latencyMs: 0.6 })]);
  expect(counts['b']).toBeGreaterThan(4_400);
});

test('of two, each gets its weight, and a newcomer its warmth of that', () => {
  const counts = shares([candidate('a'), candidate('b', { weight: 3 })]);
  expect((counts['b'] ?? 0) / 10_000).toBeCloseTo(0.75, 1);
  const newcomer = shares([candidate('a'), candidate('b', { warmth: 0.25 })]);
  expect((newcomer['b'] ?? 0) / 10_000).toBeCloseTo(0.2, 1);
});

test('only ready instances are chosen', () => {
  expect(shares([candidate('a', { ready: false }), candidate('b')])).toEqual({ b: 10_000 });
  expect(shares([candidate('a', { ready: false })])).toEqual({ none: 10_000 });
  expect(shares([])).toEqual({ none: 10_000 });
});

test('those set aside, not serving or tried come in only where no other is left', () => {
  for (const unfit of [{ ejected: true }, { serving: false }]) {
    const [a, b] = [candidate('a', unfit), candidate('b')];
    expect(shares([a, b])).toEqual({ b: 10_000 });
    expect(shares([a, b], { tried: new Set([b]) })).toEqual({ a: 10_000 });
    expect(shares([a])).toEqual({ a: 10_000 });
  }
  const only = candidate('b');
  expect(shares([only], { tried: new Set([only]) })).toEqual({ b: 10_000 });
});

test('where more than half are unfit, all are called', () => {
  const [a, b] = [candidate('a', { ejected: true }), candidate('b', { serving: false })];
  const counts = shares([a, b, candidate('c')]);
  for (const name of ['a', 'b', 'c']) expect(counts[name]).toBeGreaterThan(3_000);
  expect(choicesOf([a, b, candidate('c')], '', 0).panic).toBe(true);
  expect(choicesOf([a, candidate('c')], '', 0).panic).toBe(false);
  // Who is not connected says nothing of the others.
  const away = ['d', 'e', 'f'].map((name) => candidate(name, { ready: false }));
  expect(choicesOf([a, candidate('c'), ...away], '', 0).panic).toBe(false);
});

test('the own zone comes first, for as long as it is not clearly slower', () => {
  const others = [zoned('b', far), zoned('c', far)];
  expect(shares([zoned('a', near), ...others], { zone: near })).toEqual({ a: 10_000 });
  expect(shares([zoned('a', near, { latencyMs: 12, inFlight: 9 }), ...others], { zone: near })).toEqual({
    a: 10_000,
  });
  const slower = shares([zoned('a', near, { latencyMs: 35 }), ...others], { zone: near });
  expect(slower['a']).toBeGreaterThan(4_500);
  expect(slower['a']).toBeLessThan(5_500);
  const peak = shares([zoned('a', near, { latencyMs: 500, averageMs: 9 }), ...others], { zone: near });
  expect(peak).toEqual({ a: 10_000 });
});

test('a zone that has lost instances keeps 1.4 times its healthy part', () => {
  const others = [zoned('c', far), zoned('d', far)];
  for (const lost of [{ ready: false }, { ejected: true }, { serving: false }]) {
    const counts = shares([zoned('a', near), zoned('b', near, lost), ...others], { zone: near });
    expect((counts['a'] ?? 0) / 10_000).toBeCloseTo(0.7, 1);
    expect(counts['b']).toBeUndefined();
  }
  const third = [zoned('a', near), zoned('a2', near), zoned('a3', near), zoned('b', near, { ready: false })];
  const kept = shares([...third, ...others], { zone: near });
  expect((kept['c'] ?? 0) + (kept['d'] ?? 0)).toBe(0);
});

test('what a zone has lost is counted by weight', () => {
  const others = [zoned('c', far), zoned('d', far)];
  const keptOf = (lost: number, left: number) => {
    const own = [zoned('a', near, { weight: left }), zoned('b', near, { weight: lost, ready: false })];
    return (shares([...own, ...others], { zone: near })['a'] ?? 0) / 10_000;
  };
  expect(keptOf(3, 1)).toBeCloseTo(0.35, 1);
  expect(keptOf(1, 3)).toBe(1);
});

test('in panic the own zone counts its unfit instances too, and keeps its calls', () => {
  const unfit = { ejected: true };
  const others = [zoned('b', far, unfit), zoned('c', far, unfit)];
  expect(shares([zoned('a', near, unfit), ...others], { zone: near })).toEqual({ a: 10_000 });
  expect(shares([zoned('a', near), ...others], { zone: near })).toEqual({ a: 10_000 });
  // No panic: the only one of the zone is unfit, the others are not.
  const fit = [zoned('b', far), zoned('c', far)];
  expect(shares([zoned('a', near, unfit), ...fit], { zone: near })['a']).toBeUndefined();
});

test('a zone without a fit instance is left, and one whose only instance is new is not crushed', () => {
  expect(shares([zoned('a', near, { ready: false }), zoned('b', far)], { zone: near })).toEqual({
    b: 10_000,
  });
  const cold = shares([zoned('a', near, { warmth: 0.1 }), zoned('b', far)], { zone: near });
  expect((cold['a'] ?? 0) / 10_000).toBeCloseTo(0.14, 1);
  const allNew = [zoned('a', near, { warmth: 0.1 }), zoned('b', far, { warmth: 0.1 })];
  expect(shares(allNew, { zone: near })).toEqual({ a: 10_000 });
});

test('without a zone, and for a zone that nobody is in, all are alike', () => {
  for (const zone of ['', 'elsewhere']) {
    const counts = shares([zoned('a', near), zoned('b', far)], { zone });
    expect(counts['a']).toBeGreaterThan(4_700);
    expect(counts['b']).toBeGreaterThan(4_700);
  }
});

test('a call that is tried again leaves the zone rather than meeting the same instance', () => {
  const a = zoned('a', near);
  expect(shares([a, zoned('b', far)], { zone: near, tried: new Set([a]) })).toEqual({ b: 10_000 });
});
