import { expect, test } from '@jest/globals';
import { report } from './report.ts';
import { runChaos } from './run.ts';
import { kinds } from './schedule.ts';

const seed = 42;

test('after every kind of fault at once, no acknowledged write is lost and every invariant holds', async () => {
  const leftOut: string[] = [];
  const result = await runChaos({
    seed,
    seconds: 16,
    rate: 15,
    buyers: 4,
    tell: () => undefined,
    without: (all) => {
      for (const left of all) leftOut.push(...left.kinds);
      if (leftOut.length > 0) process.stderr.write(`chaos: left out here: ${leftOut.join(', ')}\n`);
    },
  });
  if (result.violations.length > 0) process.stderr.write(`${report(result, '').join('\n')}\n`);
  expect(result.violations).toEqual([]);
  const happened = new Set(result.inflicted.map(({ fault }) => fault.kind as string));
  expect(
    Object.values(kinds)
      .flat()
      .filter((kind) => !happened.has(kind)),
  ).toEqual(leftOut);
  expect(result.acknowledged.orders).toBeGreaterThan(60);
}, 180_000);
