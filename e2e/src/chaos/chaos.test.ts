import { expect, test } from '@jest/globals';
import { report } from './report.ts';
import { runChaos } from './run.ts';
import { kinds } from './schedule.ts';

// CHAOS_MINUTES=10, as make prove runs it; less than half a minute of load otherwise.
const minutes = Number(process.env['CHAOS_MINUTES'] ?? 0);
const options = minutes > 0 ? { seconds: minutes * 60, rate: 20 } : { seconds: 16, rate: 15, buyers: 4 };
const seed = Number(process.env['SEED'] ?? 42);

test(
  'after every kind of fault under load, no acknowledged write is lost and every invariant holds',
  async () => {
    const leftOut: string[] = [];
    const result = await runChaos({
      ...options,
      seed,
      tell: () => undefined,
      without: (all) => {
        for (const { kinds: names, why } of all) {
          leftOut.push(...names);
          process.stderr.write(`chaos: ${names.join(', ')} left out: ${why}\n`);
        }
      },
    });
    const { acknowledged, inflicted, violations } = result;
    if (violations.length > 0) process.stderr.write(`${report(result, `SEED=${seed}`).join('\n')}\n`);
    expect(violations).toEqual([]);
    const happened = new Set(inflicted.map(({ fault }) => fault.kind as string));
    expect(
      Object.values(kinds)
        .flat()
        .filter((kind) => !happened.has(kind)),
    ).toEqual(leftOut);
    expect(acknowledged.orders).toBeGreaterThan(50);
    process.stderr.write(
      `figures: ${options.seconds} s, seed ${seed}, ${inflicted.length} faults of ${happened.size} kinds: ` +
        `${acknowledged.orders} acknowledged orders, ${acknowledged.cancellations} cancellations, ` +
        `${acknowledged.topUps} top-ups, 0 violations\n`,
    );
  },
  (options.seconds + 300) * 1000,
);
