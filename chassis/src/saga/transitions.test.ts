import { expect, test } from '@jest/globals';
import { explore } from './explorer.test.support.ts';
import type { World } from './saga-model.test.support.ts';
import { exploreStep } from './step-explorer.test.support.ts';
import { Behaviour } from './step-model.test.support.ts';
import {
  transitions,
  type MessageKind,
  type StepState,
  type Transition,
  type TransitionTable,
} from './transitions.ts';

const kinds = Object.keys(transitions) as MessageKind[];
const states = Object.keys(transitions.step) as StepState[];
const cells = kinds.flatMap((kind) => states.map((state) => ({ kind, state })));

/** Each way to converge must be enough without the other. */
const worlds: Readonly<Record<string, World>> = {
  'messages alone: nobody asks for the outcome': {},
  'messages, and steps that ask for the outcome': { reconciler: true },
  'undos and finals that are lost for ever: asking alone': { reconciler: true, losesDecisions: true },
  'a database restored from a backup': { reconciler: true, restores: true },
};

test('a saga keeps its invariants in every state, and reaches every cell but those of a bug or a hand', async () => {
  const behaviour = await Behaviour.of(transitions);
  for (const [name, world] of Object.entries(worlds)) {
    const { states: visited, fault } = explore(behaviour, world);
    expect({ name, fault }).toEqual({ name, fault: undefined });
    expect(visited).toBeGreaterThan(900);
  }
  const unreached = cells.filter(({ kind, state }) => !behaviour.asked.has(`${kind} on ${state}`));
  // A tombstone's step has called nobody that could confirm; no step and no undo shares a must's fence.
  expect(unreached.map(({ kind, state }) => `${kind} on ${state}`)).toEqual([
    'final on TOMBSTONE',
    'must on DONE',
    'must on REFUSED',
    'must on COMPENSATED',
    'must on TOMBSTONE',
  ]);
}, 60_000);

test('a step keeps its word whatever arrives, in any order', async () => {
  expect(exploreStep(await Behaviour.of(transitions), 6)).toBeUndefined();
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

const mutate = (kind: MessageKind, state: StepState, to: Transition): TransitionTable => ({
  ...transitions,
  [kind]: { ...transitions[kind], [state]: to },
});

test.each(cells)('$kind on $state can be nothing else', async ({ kind, state }) => {
  const survivors: string[] = [];
  for (const other of alternatives(transitions[kind][state])) {
    const mutant = await Behaviour.of(mutate(kind, state, other));
    const fault = exploreStep(mutant, 3) ?? explore(mutant, {}).fault;
    if (fault === undefined) survivors.push(JSON.stringify(other));
  }
  expect(survivors).toEqual([]);
});

test.each<[string, World, string]>([
  ['undo only for participants heard from', { undoesOnlyHeardFrom: true }, 'not as decided'],
  ['a participant that expires its own hold', { expiresHolds: true }, 'confirmed, and undone'],
  ['tombstones deleted early', { forgetsTombstonesEarly: true }, 'not as decided'],
  ['fences of musts deleted like others', { forgetsMusts: true }, '2 runs'],
])('a variant that looks plausible does not hold: %s', async (_, world, what) => {
  expect(explore(await Behaviour.of(transitions), world).fault).toContain(what);
});

test('a variant that looks plausible does not hold: decisions deleted when all that they say is delivered', async () => {
  const world = { reconciler: true, forgetsDecisions: true };
  expect(explore(await Behaviour.of(transitions), world).fault).toContain('stuck');
});

test('a variant that looks plausible does not hold: no tombstones', async () => {
  const behaviour = await Behaviour.of(mutate('undo', 'NEW', { action: 'nothing' }));
  expect(explore(behaviour, {}).fault).toContain('not as decided');
});
