import { expect, test } from '@jest/globals';
import { pick, type Candidate } from './pick.ts';

interface Named extends Candidate {
  readonly name: string;
}

function candidate(name: string, changes: Partial<Candidate> = {}): Named {
  return { name, ready: true, ejected: false, inFlight: 0, latencyMs: 5, weight: 1, ...changes };
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

function shares(candidates: readonly Named[], tried: ReadonlySet<Named> = new Set()): Record<string, number> {
  const random = seeded(1);
  const counts: Record<string, number> = {};
  for (let i = 0; i < 10_000; i += 1) {
    const name = pick(candidates, tried, random)?.name ?? 'none';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

test('like instances share evenly', () => {
  const counts = shares(['a', 'b', 'c', 'd'].map((name) => candidate(name)));
  for (const name of ['a', 'b', 'c', 'd']) expect(counts[name]).toBeGreaterThan(2_300);
});

test('a slow, a busy and a light instance get less, and not nothing', () => {
  for (const worse of [{ latencyMs: 50 }, { inFlight: 9 }, { weight: 0.1 }]) {
    const counts = shares([candidate('a'), candidate('b'), candidate('worse', worse)]);
    expect(counts['worse']).toBeGreaterThan(10);
    expect(counts['worse']).toBeLessThan(500);
  }
});

test('only ready instances are chosen', () => {
  expect(shares([candidate('a', { ready: false }), candidate('b')])).toEqual({ b: 10_000 });
  expect(shares([candidate('a', { ready: false })])).toEqual({ none: 10_000 });
  expect(shares([])).toEqual({ none: 10_000 });
});

test('ejected and tried instances come in only where no other is left', () => {
  const [a, b] = [candidate('a', { ejected: true }), candidate('b')];
  expect(shares([a, b])).toEqual({ b: 10_000 });
  expect(shares([a, b], new Set([b]))).toEqual({ a: 10_000 });
  expect(shares([b], new Set([b]))).toEqual({ b: 10_000 });
  expect(shares([a])).toEqual({ a: 10_000 });
});
