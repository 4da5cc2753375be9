import { expect, test } from '@jest/globals';
import { createLogger } from './logger.ts';
import { periodic } from './periodic.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

test('work is repeated, also after it failed, and never twice at once', async () => {
  const third = Promise.withResolvers<void>();
  let runs = 0;
  let running = 0;
  let most = 0;
  const work = periodic({
    name: 'test',
    everyMs: 1,
    logger,
    work: async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      if (++runs === 1) throw new Error('once');
      if (runs === 3) third.resolve();
    },
  });
  work.start();
  await third.promise;
  await work.stop();
  const atStop = runs;
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect([most, runs]).toEqual([1, atStop]);
});

test('a stop waits for the run that is under way, and not for the next', async () => {
  const started = Promise.withResolvers<void>();
  let ended = false;
  const work = periodic({
    name: 'test',
    everyMs: 1,
    logger,
    work: async () => {
      started.resolve();
      await new Promise((resolve) => setTimeout(resolve, 10));
      ended = true;
    },
  });
  work.start();
  await started.promise;
  await work.stop();
  expect(ended).toBe(true);
  const idle = periodic({
    name: 'test',
    everyMs: 1e6,
    logger,
    work: () => Promise.reject(new Error('never')),
  });
  idle.start();
  await idle.stop();
});
