import { forget, newStep, stepFault, stepKey, type Behaviour } from './step-model.test.support.ts';
import type { StepModel } from './step-model.test.support.ts';
import type { MessageKind } from './transitions.ts';

// The whole of place-order with its cancel-order: a store (with a final), a bank (without), their two
// musts, and the arbiter.

export type Party = 'store' | 'bank' | 'restock' | 'repay';

interface StepMessage {
  readonly to: Party;
  readonly kind: MessageKind;
  /** Queued by a step that is done, taken back by an undo. */
  readonly next?: Message;
}

type ToStep = 'reserve' | 'charge' | 'release' | 'refund' | 'commit' | 'restock' | 'repay';
type Message = ToStep | 'confirm' | 'fail';

const stepMessages: Readonly<Record<ToStep, StepMessage>> = {
  reserve: { to: 'store', kind: 'step', next: 'charge' },
  charge: { to: 'bank', kind: 'step', next: 'confirm' },
  release: { to: 'store', kind: 'undo', next: 'charge' },
  refund: { to: 'bank', kind: 'undo', next: 'confirm' },
  commit: { to: 'store', kind: 'final' },
  restock: { to: 'restock', kind: 'must' },
  repay: { to: 'repay', kind: 'must' },
};

/** They go forward: they expire, and the sender then drops them. */
const forward: readonly Message[] = ['reserve', 'charge', 'confirm', 'fail'];
const decisions: readonly Message[] = ['release', 'refund', 'commit'];
const all = [...Object.keys(stepMessages), 'confirm', 'fail'] as readonly Message[];
const bitOf = new Map(all.map((message, i) => [message, 1 << i]));

/** One state of everything. */
export interface SagaModel extends Readonly<Record<Party, StepModel>> {
  readonly order: 'PENDING' | 'CONFIRMED' | 'ABORTED' | 'CANCELLED' | 'UNKNOWN';
  /** In an outbox, to be sent until it is answered. A set of bits. */
  readonly queued: number;
  /** Was in an outbox: may still arrive at any time, any number of times, or never. A set of bits. */
  readonly known: number;
  /** The time of retention: nothing of a decided saga goes forward any more, and the network holds nothing old. */
  readonly late: boolean;
  /** A database was brought back from a backup. */
  readonly restored: boolean;
}

/** What may happen beside reordering, duplication, loss, delay, expiry, refusal, deadline and cancel. */
export interface World {
  /** Steps that are DONE ask GetOutcome. */
  readonly reconciler?: boolean;
  /** Undos and finals may vanish from the arbiter's outbox. */
  readonly losesDecisions?: boolean;
  /** One of the databases may be restored from a backup, once; then no order is cancelled and no fence deleted. */
  readonly restores?: boolean;
  /** Variants that look plausible and are wrong. */
  readonly undoesOnlyHeardFrom?: boolean;
  readonly expiresHolds?: boolean;
  readonly forgetsTombstonesEarly?: boolean;
  readonly forgetsMusts?: boolean;
  readonly forgetsDecisions?: boolean;
}

export const start: SagaModel = {
  order: 'PENDING',
  store: newStep,
  bank: newStep,
  restock: newStep,
  repay: newStep,
  queued: bits('reserve'),
  known: bits('reserve'),
  late: false,
  restored: false,
};

const undecided: readonly SagaModel['order'][] = ['PENDING', 'UNKNOWN'];

/** A message was answered as it must not be. */
export class Violation extends Error {}

export function keyOf(at: SagaModel): string {
  const flags = `${at.late ? 'l' : ''}${at.restored ? 'r' : ''}`;
  return `${at.order} ${stepKey(at.store)} ${stepKey(at.bank)} ${stepKey(at.restock)} ${stepKey(at.repay)} ${at.queued} ${at.known} ${flags}`;
}

/** Every state that may follow. Throws a Violation when a message is answered as it must not be. */
export function successors(behaviour: Behaviour, world: World, at: SagaModel): SagaModel[] {
  const following: SagaModel[] = [];
  if (at.order === 'PENDING') following.push(abort(world, at));
  if (at.order === 'CONFIRMED' && world.restores !== true)
    following.push(enqueue({ ...at, order: 'CANCELLED' }, 'restock', 'repay'));
  for (const message of all) {
    const bit = bits(message);
    if ((at.queued & bit) !== 0) {
      const answered = { ...at, queued: at.queued & ~bit };
      following.push(...handle(behaviour, world, answered, message));
      // The clock of who sends or receives it may be wrong by hours: it may be dropped at any time.
      if (forward.includes(message) || (world.losesDecisions === true && decisions.includes(message)))
        following.push(answered);
    }
    // A duplicate, or one whose answer is lost: the row stays.
    if ((at.known & bit) !== 0) following.push(...handle(behaviour, world, at, message));
  }
  following.push(...ofTime(behaviour, world, at));
  if (world.restores === true && !at.restored) following.push(...restores(at));
  return following;
}

function handle(behaviour: Behaviour, world: World, at: SagaModel, message: Message): SagaModel[] {
  if (message === 'confirm') {
    if (at.late || at.order !== 'PENDING') return [at];
    return [enqueue({ ...at, order: 'CONFIRMED' }, 'commit')];
  }
  if (message === 'fail') return [at.late || at.order !== 'PENDING' ? at : abort(world, at, 'release')];
  const { kind, to } = stepMessages[message];
  if (kind !== 'step') return [toStep(behaviour, at, message, false)];
  const asked = [toStep(behaviour, at, message, false), toStep(behaviour, at, message, true)];
  if (at[to].state !== 'NEW') return asked;
  // The receiver holds it for expired: no effect and no trace, once it knows that the saga is decided.
  return at.late && at.order !== 'PENDING' ? [at] : [...asked, at];
}

function toStep(behaviour: Behaviour, at: SagaModel, message: ToStep, refuses: boolean): SagaModel {
  const { to, kind, next } = stepMessages[message];
  const before = at[to];
  const { after, answer } = behaviour.answer(before, { kind, refuses });
  const sealed = before.seals > 0 && !before.forgotten;
  const contradicts = kind === 'final' ? before.effect === 0 : kind === 'undo' && sealed;
  if (contradicts && answer !== 'ALARM') throw new Violation(`${message} was answered ${answer}`);
  if (answer === 'ERROR') throw new Violation(`${message} threw`);
  // A fence that is gone cannot know a decision that comes after a week.
  if (answer === 'ALARM' && !at.restored && !before.forgotten)
    throw new Violation(`${message} raised an alarm`);
  const moved = { ...at, [to]: after };
  if (answer === 'REFUSED') return enqueue(moved, 'fail');
  if (next === undefined || answer !== 'OK') return moved;
  if (kind === 'step') return enqueue(moved, next);
  return { ...moved, queued: at.queued & ~bits(next) };
}

/** What needs no message: the reconciler, retention, and a participant's own ideas. */
function ofTime(behaviour: Behaviour, world: World, at: SagaModel): SagaModel[] {
  const following: SagaModel[] = [];
  if (!at.late && world.restores !== true) following.push({ ...at, late: true, known: at.queued });
  // All that the arbiter has to say is delivered. Of a participant without a final it has heard nothing.
  if (world.forgetsDecisions === true && at.late && at.order === 'CONFIRMED' && at.queued === 0)
    following.push({ ...at, order: 'UNKNOWN' });
  for (const party of ['store', 'bank'] as const) {
    const step = at[party];
    const follow = (kind: 'undo' | 'final'): SagaModel =>
      party === 'store'
        ? toStep(behaviour, at, kind === 'undo' ? 'release' : 'commit', false)
        : kind === 'undo'
          ? toStep(behaviour, at, 'refund', false)
          : { ...at, bank: behaviour.answer(step, { kind, refuses: false }).after };
    if (step.state === 'DONE' && world.reconciler === true && !undecided.includes(at.order))
      following.push(follow(at.order === 'ABORTED' ? 'undo' : 'final'));
    if (step.state === 'DONE' && world.expiresHolds === true) following.push(follow('undo'));
    if (at.late && isTerminal(step)) following.push({ ...at, [party]: forget(step) });
    if (world.forgetsTombstonesEarly === true && step.state === 'TOMBSTONE')
      following.push({ ...at, [party]: forget(step) });
  }
  // The fence of a must is kept: what carries it never expires, so it may come after any time.
  if (world.forgetsMusts === true && at.late)
    for (const party of ['restock', 'repay'] as const)
      if (isTerminal(at[party])) following.push({ ...at, [party]: forget(at[party]) });
  return following;
}

/** A participant's database without the step, or before its decision; the arbiter's before its decision. */
function restores(at: SagaModel): SagaModel[] {
  const following: SagaModel[] = [];
  for (const party of ['store', 'bank'] as const) {
    if (at[party].state !== 'NEW') following.push({ ...at, [party]: newStep, restored: true });
    if (at[party].runs > 0 && at[party].state !== 'DONE')
      following.push({ ...at, [party]: { ...newStep, state: 'DONE', effect: 1, runs: 1 }, restored: true });
  }
  if (at.order !== 'PENDING')
    following.push({
      ...at,
      order: 'PENDING',
      queued: at.queued & bits('reserve', 'charge', 'confirm', 'fail'),
      restored: true,
    });
  return following;
}

/** Undos go to every participant of the contract. */
function abort(world: World, at: SagaModel, ...heardFrom: Message[]): SagaModel {
  const taken = { ...at, order: 'ABORTED' as const, queued: at.queued & ~bits('reserve') };
  return enqueue(
    taken,
    ...(world.undoesOnlyHeardFrom === true ? heardFrom : (['release', 'refund'] as const)),
  );
}

/** What an invariant does not allow of a state; `undefined` when all hold. */
export function sagaFault(world: World, at: SagaModel): string | undefined {
  for (const party of ['store', 'bank', 'restock', 'repay'] as const) {
    const fault = stepFault(at[party]);
    if (fault !== undefined) return `${party}: ${fault}`;
  }
  if (at.restored) return undefined;
  const { order, store, bank, restock, repay } = at;
  const holds = order !== 'PENDING' && order !== 'ABORTED';
  if (holds && store.reversals + bank.reversals > 0) return 'confirmed, and undone';
  if (holds && (store.effect !== 1 || bank.effect !== 1)) return 'confirmed, but not held or not paid';
  if (!holds && store.seals + bank.seals > 0) return 'not confirmed, and sealed';
  if (order !== 'CANCELLED' && restock.runs + repay.runs > 0) return 'given back, and not cancelled';
  return isAtRest(world, at) && !isGood(world, at) ? 'at rest, and not as decided' : undefined;
}

/** Decided, and nothing is left that would happen by itself. */
function isAtRest(world: World, at: SagaModel): boolean {
  const asks = world.reconciler === true && (at.store.state === 'DONE' || at.bank.state === 'DONE');
  return at.order !== 'PENDING' && at.queued === 0 && !asks;
}

/** At rest, and the books of everybody agree with the decision. */
export function isGood(world: World, at: SagaModel): boolean {
  if (!isAtRest(world, at)) return false;
  const { order, store, bank, restock, repay } = at;
  if (order === 'ABORTED') return store.effect === 0 && bank.effect === 0;
  const given = order === 'CANCELLED' ? 1 : 0;
  const sold = store.effect === 1 && store.seals === 1 && (isTerminal(store) || store.forgotten);
  const paid = bank.effect === 1 && (world.reconciler !== true || isTerminal(bank) || bank.forgotten);
  return sold && paid && restock.runs === given && repay.runs === given;
}

function isTerminal({ state }: StepModel): boolean {
  return state !== 'NEW' && state !== 'DONE';
}

function enqueue(at: SagaModel, ...messages: Message[]): SagaModel {
  const added = bits(...messages);
  return { ...at, queued: at.queued | added, known: at.known | added };
}

function bits(...messages: Message[]): number {
  return messages.reduce((sum, message) => sum | (bitOf.get(message) ?? 0), 0);
}
