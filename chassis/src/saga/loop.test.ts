import { expect, test } from '@jest/globals';
import pino from 'pino';
import { Loop } from './loop.ts';

const hourMs = 3_600_000;

/** Runs a loop that pauses for an hour, until it has run `runs` times. */
async function run(work: (run: number) => Promise<boolean | void>, runs: number): Promise<void> {
  const enough = Promise.withResolvers<void>();
  let count = 0;
  const loop = new Loop({
    name: 'test',
    minMs: hourMs,
    maxMs: hourMs,
    logger: pino({ level: 'silent' }),
    work: async () => {
      if (++count === runs) enough.resolve();
      return work(count);
    },
  });
  loop.start();
  await enough.promise;
  await loop.stop();
  expect(count).toBe(runs);
}

test('what leaves more to do is done again without a pause', async () => {
  await run(async (count) => count < 50, 50);
});

test('being woken while it runs makes it run once more', async () => {
  const loops: Loop[] = [];
  const again = Promise.withResolvers<void>();
  let count = 0;
  const work = async () => {
    if (++count === 1) loops[0]?.wake();
    else again.resolve();
  };
  loops.push(
    new Loop({ name: 'test', minMs: hourMs, maxMs: hourMs, logger: pino({ level: 'silent' }), work }),
  );
  loops[0]?.start();
  await again.promise;
  await loops[0]?.stop();
});
