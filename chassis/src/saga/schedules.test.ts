import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { play, schedules } from './schedule.test.support.ts';
import { toyDatabases, type ToyDatabases } from './toy-databases.test.support.ts';

const numRuns = Number(process.env['SCHEDULES'] ?? 300);
const seed = Number(process.env['SCHEDULES_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
const path = process.env['SCHEDULES_PATH'];

let databases: ToyDatabases;

beforeAll(async () => {
  databases = await toyDatabases();
});
afterAll(() => databases.close());

test('no schedule of messages, duplicates, decisions and crashes breaks an invariant', async () => {
  const startedAt = performance.now();
  const property = fc.asyncProperty(schedules, async (schedule) => {
    const faults = await play(databases, schedule);
    if (faults.length > 0) throw new Error(faults.join('\n'));
  });
  const found = await fc.check(property, { numRuns, seed, ...(path === undefined ? {} : { path }) });
  if (found.failed) {
    const again = `SCHEDULES_SEED=${seed} SCHEDULES_PATH=${found.counterexamplePath ?? ''}`;
    const what = JSON.stringify(found.counterexample);
    throw new Error(
      `${String(found.errorInstance)}\n${what}\nagain: ${again} make test ONLY=chassis/src/saga/schedules.test.ts`,
      { cause: found.errorInstance },
    );
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  process.stderr.write(`figures: ${numRuns} schedules, 0 violations, ${seconds} s, seed ${seed}\n`);
  expect(found.numRuns).toBe(path === undefined ? numRuns : found.numRuns);
}, 1_800_000);
