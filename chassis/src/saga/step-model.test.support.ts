import {
  perform,
  type Effects,
  type MessageKind,
  type StepState,
  type TransitionTable,
} from './transitions.ts';

/** One step in the model: its fence, and what has really been done. */
export interface StepModel {
  readonly state: StepState;
  /** 1: the effect is there. */
  readonly effect: number;
  readonly runs: number;
  readonly reversals: number;
  readonly seals: number;
  /** Retention has deleted its fence once. */
  readonly forgotten: boolean;
}

/** What may arrive at a step: a message, and whether its effect would refuse. */
export interface Stimulus {
  readonly kind: MessageKind;
  readonly refuses: boolean;
}

/** ERROR: it threw, and the transaction was rolled back. */
export type Answer = 'OK' | 'REFUSED' | 'STORED' | 'CANCELLED' | 'NOTHING' | 'ALARM' | 'ERROR';

export interface Outcome {
  readonly after: StepModel;
  readonly answer: Answer;
}

export const newStep: StepModel = {
  state: 'NEW',
  effect: 0,
  runs: 0,
  reversals: 0,
  seals: 0,
  forgotten: false,
};

/** Everything that can be said to a step. A must may not refuse, and one that tries is rolled back. */
export const stimuli: readonly Stimulus[] = [
  { kind: 'step', refuses: false },
  { kind: 'step', refuses: true },
  { kind: 'undo', refuses: false },
  { kind: 'final', refuses: false },
  { kind: 'must', refuses: false },
  { kind: 'must', refuses: true },
];

/** What must hold of a step whatever has arrived; answers what does not. */
export function stepFault({
  state,
  effect,
  runs,
  reversals,
  seals,
  forgotten,
}: StepModel): string | undefined {
  const present = state === 'DONE' || state === 'COMMITTED' ? 1 : 0;
  if (!forgotten && effect !== present) return `${state} with ${effect} effects`;
  if (!forgotten && state === 'TOMBSTONE' && runs > 0) return 'a tombstone of a step that ran';
  if (runs > 1 || reversals > 1 || seals > 1) return `${runs} runs, ${reversals} reversals, ${seals} seals`;
  return undefined;
}

/** What retention does to a fence: nothing is known of the step any more, but what it did stays done. */
export function forget(step: StepModel): StepModel {
  return { ...step, state: 'NEW', forgotten: true };
}

/** A table's answer to every stimulus in every state of a step that it can come to. */
export class Behaviour {
  readonly #outcomes = new Map<string, ReadonlyMap<string, Outcome>>();
  /** The cells that were asked for: `undo on DONE`. */
  readonly asked = new Set<string>();

  /** Runs production's `perform` on the model until nothing new comes. */
  static async of(table: TransitionTable): Promise<Behaviour> {
    const behaviour = new Behaviour();
    const frontier = [newStep];
    for (let step = frontier.pop(); step !== undefined; step = frontier.pop()) {
      if (behaviour.#outcomes.has(stepKey(step))) continue;
      const outcomes = new Map<string, Outcome>();
      behaviour.#outcomes.set(stepKey(step), outcomes);
      for (const stimulus of stimuli) {
        const outcome = await deliver(table, step, stimulus);
        outcomes.set(stimulusKey(stimulus), outcome);
        // What is wrong already is found out by whoever comes there.
        if (stepFault(outcome.after) === undefined) frontier.push(outcome.after);
      }
      frontier.push(forget(step));
    }
    return behaviour;
  }

  answer(step: StepModel, stimulus: Stimulus): Outcome {
    this.asked.add(`${stimulus.kind} on ${step.state}`);
    const outcome = this.#outcomes.get(stepKey(step))?.get(stimulusKey(stimulus));
    if (outcome === undefined) throw new Error(`nothing follows ${stepKey(step)}`);
    return outcome;
  }
}

export function stepKey({ state, effect, runs, reversals, seals, forgotten }: StepModel): string {
  return `${state}${effect}${runs}${reversals}${seals}${forgotten ? 'f' : ''}`;
}

function stimulusKey({ kind, refuses }: Stimulus): string {
  return refuses ? `${kind} refusing` : kind;
}

async function deliver(
  table: TransitionTable,
  step: StepModel,
  { kind, refuses }: Stimulus,
): Promise<Outcome> {
  let after = step;
  const effects: Effects<Answer> = {
    effect: async () => {
      if (refuses) return 'NO';
      after = { ...after, effect: after.effect + 1, runs: after.runs + 1 };
      return undefined;
    },
    reverse: async () => {
      after = { ...after, effect: after.effect - 1, reversals: after.reversals + 1 };
    },
    seal: async () => {
      after = { ...after, seals: after.seals + 1 };
    },
    change: async (to, refusal) => {
      after = { ...after, state: to };
      return refusal === undefined ? 'OK' : 'REFUSED';
    },
    stored: () => 'STORED',
    cancelled: () => 'CANCELLED',
    nothing: () => 'NOTHING',
    alarm: () => 'ALARM',
  };
  try {
    const answer = await perform(table[kind][step.state], effects);
    return { after, answer };
  } catch {
    return { after: step, answer: 'ERROR' };
  }
}
