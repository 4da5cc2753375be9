import { expect, test } from '@jest/globals';
import { kinds, schedule, type Kind, type Targets } from './schedule.ts';

const targets: Targets = {
  processes: ['catalog', 'catalog-2', 'edge'],
  workloads: ['catalog', 'edge'],
  links: ['catalog → database'],
  leftOut: new Set(),
};
const all: readonly Kind[] = Object.values(kinds).flat();
const seeds = Array.from({ length: 200 }, (_, seed) => seed);

test('a seed says it all, and another seed something else', () => {
  expect(schedule(42, 600_000, targets)).toEqual(schedule(42, 600_000, targets));
  expect(schedule(43, 600_000, targets)).not.toEqual(schedule(42, 600_000, targets));
});

test('each kind of fault comes, however short the run', () => {
  for (const seed of seeds)
    expect(new Set(schedule(seed, 15_000, targets).map(({ kind }) => kind))).toEqual(new Set(all));
});

test('two faults of a group never overlap, and all end in time', () => {
  for (const seed of seeds)
    for (const group of Object.values(kinds)) {
      const own = schedule(seed, 300_000, targets).filter(({ kind }) => group.some((one) => one === kind));
      const ends = own.map(({ startMs, durationMs }) => startMs + durationMs);
      for (const [i, { startMs }] of own.entries()) expect(startMs).toBeGreaterThanOrEqual(ends[i - 1] ?? 0);
      expect(Math.max(...ends)).toBeLessThanOrEqual(300_000 + 1);
    }
});

test('what a machine cannot do is left out, and the rest comes', () => {
  const without = schedule(1, 15_000, { ...targets, leftOut: new Set(['disk full', ...kinds.etcd]) });
  const rest = all.filter((kind) => kind !== 'disk full' && !kind.startsWith('etcd'));
  expect(new Set(without.map(({ kind }) => kind))).toEqual(new Set(rest));
});
