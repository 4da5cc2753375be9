import { median } from '../table.ts';

/** A piece of work that is called over and over. */
export interface Operation {
  readonly name: string;
  readonly run: () => unknown;
}

const rounds = 12;
const warmUps = 3;
const sliceMs = 30;

/**
 * How long each takes, in turns, so that noise hits all alike: the median over the rounds, nanoseconds, in
 * their order.
 */
export function interleaved(operations: readonly Operation[]): readonly number[] {
  const times = operations.map((): number[] => []);
  const counts = operations.map(({ run }) => Math.max(1, Math.round(sliceMs / timeMs(run, 1))));
  for (let round = 0; round < rounds; round++)
    operations.forEach(({ run }, index) => {
      const count = counts[index] ?? 1;
      const ms = timeMs(run, count);
      // The first calls were not compiled yet.
      if (round < warmUps) counts[index] = Math.max(1, Math.round((count * sliceMs) / ms));
      else times[index]?.push((ms * 1e6) / count);
    });
  return times.map(median);
}

function timeMs(run: () => unknown, count: number): number {
  const startedAt = performance.now();
  for (let i = 0; i < count; i++) run();
  return Math.max(performance.now() - startedAt, 0.001);
}
