import { perform, type Effects, type StepState, type TransitionTable } from './transitions.ts';
import type { MessageKind } from './transitions.ts';

/** One participant's step in the model: its fence and what is left of its effect. */
export interface StepModel {
  readonly state: StepState;
  /** 1: the effect is there. */
  readonly effect: number;
  readonly runs: number;
  readonly reversals: number;
  readonly seals: number;
}

export const newStep: StepModel = { state: 'NEW', effect: 0, runs: 0, reversals: 0, seals: 0 };

export type Answer = 'OK' | 'REFUSED' | 'STORED' | 'CANCELLED' | 'NOTHING' | 'ALARM';

/** Runs one message through a table, as production does, on a model. */
export async function deliver(
  table: TransitionTable,
  step: StepModel,
  kind: MessageKind,
  refuses: boolean,
): Promise<{ after: StepModel; answer: Answer }> {
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
  const answer = await perform(table[kind][step.state], effects);
  return { after, answer };
}

/** What must hold of a step whatever has arrived; answers what does not. */
function faultOf({ state, effect, runs, reversals, seals }: StepModel): string | undefined {
  const present = state === 'DONE' || state === 'COMMITTED' ? 1 : 0;
  if (effect !== present) return `${state} with ${effect} effects`;
  if (state === 'TOMBSTONE' && runs > 0) return 'a tombstone of a step that ran';
  if (runs > 1 || reversals > 1 || seals > 1) return `${runs} runs, ${reversals} reversals, ${seals} seals`;
  return undefined;
}

type Message = { readonly kind: MessageKind; readonly refuses: boolean };

const alphabet: readonly Message[] = [
  { kind: 'step', refuses: false },
  { kind: 'step', refuses: true },
  { kind: 'undo', refuses: false },
  { kind: 'final', refuses: false },
  { kind: 'must', refuses: false },
];

/**
 * Every sequence of up to `length` messages to one step, possible or not, against what the history alone
 * says must have come of it. Answers the first that goes wrong.
 */
export async function exploreStep(table: TransitionTable, length: number): Promise<string | undefined> {
  const visit = async (
    step: StepModel,
    history: readonly string[],
    left: number,
  ): Promise<string | undefined> => {
    if (left === 0) return undefined;
    for (const message of alphabet) {
      const path = [...history, `${message.kind}${message.refuses ? '(refusing)' : ''}`];
      const wrong = await oneMessage(table, step, message, history);
      if (wrong.fault !== undefined) return `${path.join(', ')}: ${wrong.fault}`;
      const deeper = await visit(wrong.after, [...history, wrong.answer], left - 1);
      if (deeper !== undefined) return deeper;
    }
    return undefined;
  };
  return visit(newStep, [], length);
}

async function oneMessage(
  table: TransitionTable,
  step: StepModel,
  message: Message,
  answers: readonly string[],
) {
  let result: Awaited<ReturnType<typeof deliver>>;
  try {
    result = await deliver(table, step, message.kind, message.refuses);
  } catch (error) {
    return { after: step, answer: 'ALARM', fault: (error as Error).message };
  }
  const { after, answer } = result;
  const said = (...those: Answer[]) => those.includes(answer);
  const refusedBefore = answers.includes('REFUSED');
  const untouched = answers.every((each) => each === 'ALARM');
  const unchanged = JSON.stringify(after) === JSON.stringify(step);
  const sealed = step.seals > 0 || step.state === 'COMMITTED';
  const check = (holds: boolean, what: string) =>
    holds ? undefined : `${what} (${step.state} → ${after.state}, ${answer})`;
  const byKind = {
    step: () =>
      untouched
        ? check(
            said(message.refuses ? 'REFUSED' : 'OK') &&
              after.effect === (message.refuses ? 0 : 1) &&
              !unchanged,
            'the first step runs',
          )
        : check(
            unchanged && said(step.effect === 1 || refusedBefore ? 'STORED' : 'CANCELLED'),
            'a step runs once, and not after an undo',
          ),
    undo: () =>
      sealed
        ? check(unchanged && said('ALARM'), 'nothing sealed is undone')
        : check(
            after.effect === 0 && said(step.effect === 1 || untouched ? 'OK' : 'NOTHING'),
            'an undo leaves no effect',
          ),
    final: () => {
      if (sealed) return check(unchanged && said('NOTHING'), 'a final seals once');
      if (step.effect === 0) return check(unchanged && said('ALARM'), 'no final without an effect');
      return check(after.state === 'COMMITTED' && after.seals === 1 && said('OK'), 'a final seals');
    },
    must: () => {
      if (untouched)
        return check(after.state === 'COMMITTED' && after.runs === 1 && said('OK'), 'a must runs');
      return check(
        unchanged && said(step.state === 'COMMITTED' ? 'NOTHING' : 'ALARM'),
        'a must runs first or never',
      );
    },
  };
  const undone =
    message.kind === 'undo' && untouched && after.state !== 'TOMBSTONE' ? 'no tombstone' : undefined;
  return { after, answer, fault: byKind[message.kind]() ?? faultOf(after) ?? undone };
}

interface SagaModel {
  readonly order: 'PENDING' | 'CONFIRMED' | 'ABORTED';
  readonly store: StepModel;
  readonly bank: StepModel;
  /** In an outbox, to be sent until it is answered. */
  readonly queued: readonly string[];
  /** On the network: may arrive any time, any number of times, or never. */
  readonly sent: readonly string[];
}

/**
 * The whole saga of two steps under any reordering, duplication, loss and late delivery, any refusal, and
 * an abort at any time: visits every state that can be reached. Answers how many there are, or the first
 * in which an invariant does not hold.
 */
export async function exploreSaga(table: TransitionTable): Promise<{ states: number; fault?: string }> {
  const start: SagaModel = { order: 'PENDING', store: newStep, bank: newStep, queued: ['reserve'], sent: [] };
  const seen = new Set([JSON.stringify(start)]);
  const frontier = [start];
  for (let at = frontier.pop(); at !== undefined; at = frontier.pop()) {
    let following: SagaModel[];
    try {
      following = await successors(table, at);
    } catch (error) {
      return { states: seen.size, fault: `${JSON.stringify(at)}: ${(error as Error).message}` };
    }
    const fault = sagaFault(at);
    if (fault !== undefined) return { states: seen.size, fault: `${JSON.stringify(at)}: ${fault}` };
    for (const next of following) {
      const key = JSON.stringify(next);
      if (seen.has(key)) continue;
      seen.add(key);
      frontier.push(next);
    }
  }
  return { states: seen.size };
}

function sagaFault({ order, store, bank, queued }: SagaModel): string | undefined {
  const inStep = faultOf(store) ?? faultOf(bank);
  if (inStep !== undefined || order === 'PENDING' || queued.length > 0) return inStep;
  // Decided, and every outbox is empty.
  if (order === 'CONFIRMED') {
    if (store.state !== 'COMMITTED' || bank.effect !== 1) return 'confirmed, but not sold or not paid';
  } else if (store.effect + bank.effect !== 0 || store.state === 'NEW' || bank.state === 'NEW')
    return 'aborted, but not undone';
  return undefined;
}

async function successors(table: TransitionTable, at: SagaModel): Promise<SagaModel[]> {
  const following: SagaModel[] = [];
  if (at.order === 'PENDING') following.push(abort(at));
  for (const message of new Set([...at.queued, ...at.sent])) {
    const sent = at.sent.includes(message) ? at.sent : [...at.sent, message].toSorted();
    const arrived = { ...at, sent };
    // The answer may be lost: then the row stays queued, and is sent again.
    following.push(arrived);
    for (const refuses of [false, true]) {
      const handled = await handle(
        table,
        { ...arrived, queued: at.queued.filter((each) => each !== message) },
        message,
        refuses,
      );
      following.push(handled);
    }
  }
  return following;
}

async function handle(
  table: TransitionTable,
  at: SagaModel,
  message: string,
  refuses: boolean,
): Promise<SagaModel> {
  const to = async (who: 'store' | 'bank', kind: MessageKind, next: string) => {
    const { after, answer } = await deliver(table, at[who], kind, refuses);
    if (answer === 'ALARM') throw new Error(`${message} raised an alarm`);
    const moved = { ...at, [who]: after };
    if (answer === 'REFUSED') return enqueue(moved, 'fail');
    if (kind === 'step' && answer === 'OK') return enqueue(moved, next);
    return kind === 'undo' && answer === 'OK'
      ? { ...moved, queued: moved.queued.filter((each) => each !== next) }
      : moved;
  };
  switch (message) {
    case 'reserve':
      return to('store', 'step', 'charge');
    case 'release':
      return to('store', 'undo', 'charge');
    case 'commit':
      return to('store', 'final', '');
    case 'charge':
      return to('bank', 'step', 'confirm');
    case 'refund':
      return to('bank', 'undo', 'confirm');
    case 'confirm':
      return at.order === 'PENDING' ? enqueue({ ...at, order: 'CONFIRMED' }, 'commit') : at;
    default:
      return at.order === 'PENDING' ? abort(at) : at;
  }
}

function abort(at: SagaModel): SagaModel {
  const taken = { ...at, order: 'ABORTED' as const, queued: at.queued.filter((each) => each !== 'reserve') };
  return enqueue(enqueue(taken, 'release'), 'refund');
}

function enqueue(at: SagaModel, message: string): SagaModel {
  return { ...at, queued: [...new Set([...at.queued, message])].toSorted() };
}
