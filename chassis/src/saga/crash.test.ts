import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { brokenCommit, lostAnswer, pausedRelay, restoredBackup } from './crash-cases.test.support.ts';
import { Scene, type Verdict } from './crash-matrix.test.support.ts';
import { crashRows } from './crash-rows.test.support.ts';
import { methods } from './toy-contract.test.support.ts';

const whole = process.env['CRASH_MATRIX'] === 'whole';

/** Rows are played on several scenes at once, as many as victims fit on two cores. */
const scenes: Scene[] = [];

beforeAll(async () => {
  scenes.push(...(await Promise.all(Array.from({ length: 3 }, () => Scene.open()))));
});
afterAll(async () => {
  await Promise.all(scenes.map(({ databases }) => databases.close()));
});

const cases: readonly ((scene: Scene) => Promise<Verdict>)[] = [
  pausedRelay,
  ...crashRows.filter(({ short }) => whole || short).map((row) => (scene: Scene) => scene.crash(row)),
  ...(['store', 'bank'] as const).flatMap((owner) =>
    (['before', 'after'] as const).map((when) => (scene: Scene) => brokenCommit(scene, owner, when)),
  ),
  (scene) => lostAnswer(scene, methods.charge),
  (scene) => lostAnswer(scene, methods.confirm),
];

test('wherever a process dies, nothing is lost, and every order ends one way', async () => {
  const verdicts: Verdict[] = [];
  const judged = (verdict: Verdict): void => {
    verdicts.push(verdict);
    if (whole) process.stderr.write(row(verdict));
  };
  const left = cases.values();
  await Promise.all(
    scenes.slice(1).map(async (scene) => {
      for (const play of left) judged(await play(scene));
    }),
  );
  judged(await restoredBackup(scenes[0] as Scene));
  const wrong = verdicts.filter(({ faults }) => faults.length > 0);
  if (whole) process.stderr.write(`figures: ${verdicts.length} crashes, ${wrong.length} with a violation\n`);
  expect(wrong).toEqual([]);
  expect(verdicts).toHaveLength(cases.length + 1);
}, 1_200_000);

/** A failpoint and its verdict, how the order ended, its trace, and what the three services logged of it. */
function row({ name, faults, end, traceId, timeline }: Verdict): string {
  return [
    `${faults.length === 0 ? '✓' : '✗'} ${name.padEnd(62)}  ${end}${traceId === '' ? '' : `  trace ${traceId}`}`,
    ...(timeline.length === 0 ? [] : [`    ${timeline.join(' → ')}`]),
    ...faults.map((fault) => `    ${fault}`),
    '',
  ].join('\n');
}
