import { expect, test } from '@jest/globals';
import { fuzz } from './testing/fuzz/fuzz.ts';

/** FUZZ_FROM with FUZZ_RUNS=1 sends one input of FUZZ_SEED again. */
const number = (name: string, preset: number) => Number(process.env[name] || preset);
const runs = number('FUZZ_RUNS', 50_000);

test(
  'whatever is sent gets an answer that is not the server’s fault, or its connection closed; memory stays flat',
  async () => {
    const { failures, figures, grownBytes, leftOpen } = await fuzz({
      seed: number('FUZZ_SEED', 1),
      from: number('FUZZ_FROM', 0),
      runs,
    });
    process.stderr.write(`${figures}\n`);
    expect(failures).toEqual([]);
    expect(grownBytes).toBeLessThan(4 * 1024 * 1024);
    expect(leftOpen).toBeLessThanOrEqual(0);
  },
  30_000 + runs * 4,
);
