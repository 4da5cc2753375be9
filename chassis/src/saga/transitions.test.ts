import { expect, test } from '@jest/globals';
import { exploreSaga, exploreStep } from './explorer.test.support.ts';
import {
  transitions,
  type MessageKind,
  type StepState,
  type Transition,
  type TransitionTable,
} from './transitions.ts';

const kinds = Object.keys(transitions) as MessageKind[];
const states = Object.keys(transitions.step) as StepState[];

test('a saga keeps its invariants under any reordering, duplication, loss and delay', async () => {
  const { states: visited, fault } = await exploreSaga(transitions);
  expect(fault).toBeUndefined();
  expect(visited).toBeGreaterThan(100);
});

test('a step keeps its word whatever arrives, in any order', async () => {
  expect(await exploreStep(transitions, 5)).toBeUndefined();
});

/** Every other thing that a cell could say. */
function alternatives(to: Transition): Transition[] {
  const changing = (['reverse', 'seal', 'mark'] as const).flatMap((action) =>
    states.map((state) => ({ action, to: state })),
  );
  const running = states.flatMap((state): Transition[] => [
    { action: 'effect', to: state },
    ...states.map((other): Transition => ({ action: 'effect', to: state, refused: other })),
  ]);
  const still = (['stored', 'cancelled', 'nothing', 'alarm'] as const).map((action): Transition => ({
    action,
  }));
  return [...changing, ...running, ...still].filter((each) => JSON.stringify(each) !== JSON.stringify(to));
}

test.each(kinds)('no cell of the row %s can be another', async (kind) => {
  const survivors: string[] = [];
  for (const state of states)
    for (const other of alternatives(transitions[kind][state])) {
      // A must is never refused, so what it would do then cannot be seen.
      if (kind === 'must' && 'refused' in other && other.to === 'COMMITTED') continue;
      const mutant: TransitionTable = { ...transitions, [kind]: { ...transitions[kind], [state]: other } };
      const fault = (await exploreStep(mutant, 4)) ?? (await exploreSaga(mutant)).fault;
      if (fault === undefined) survivors.push(`${kind} on ${state}: ${JSON.stringify(other)}`);
    }
  expect(survivors).toEqual([]);
});

test('four variants that look plausible do not hold', async () => {
  const { step, undo } = transitions;
  const noTombstones = { ...transitions, undo: { ...undo, NEW: { action: 'nothing' } } } as const;
  const stepAfterUndo = {
    ...transitions,
    step: { ...step, TOMBSTONE: { action: 'effect', to: 'DONE', refused: 'REFUSED' } },
  } as const;
  const runsAgain = {
    ...transitions,
    step: { ...step, COMPENSATED: { action: 'effect', to: 'DONE', refused: 'REFUSED' } },
  } as const;
  const keepsEffect = {
    ...transitions,
    undo: { ...undo, DONE: { action: 'mark', to: 'COMPENSATED' } },
  } as const;
  for (const variant of [noTombstones, stepAfterUndo, runsAgain, keepsEffect])
    expect((await exploreSaga(variant)).fault).toBeDefined();
});
