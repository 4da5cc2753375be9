/** The state of one step of one saga at its participant. */
export type StepState = 'NEW' | 'DONE' | 'REFUSED' | 'COMPENSATED' | 'TOMBSTONE' | 'COMMITTED';

/**
 * What a message asks of a step: to run it, to reverse it, to seal it after the saga was committed, or
 * (`must`) to run it after a decision, when it may not refuse and is never reversed.
 */
export type MessageKind = 'step' | 'undo' | 'final' | 'must';

/** What is to be done about a message, and the state that follows. */
export type Transition =
  /** Run the effect; a step that refuses goes to `refused`. */
  | { readonly action: 'effect'; readonly to: StepState; readonly refused?: StepState }
  /** Reverse the effect, and take back the call to the next step if it was not sent. */
  | { readonly action: 'reverse'; readonly to: StepState }
  | { readonly action: 'seal'; readonly to: StepState }
  /** Change the state only. */
  | { readonly action: 'mark'; readonly to: StepState }
  /** Answer what was answered the first time. */
  | { readonly action: 'stored' }
  /** Answer that the saga was undone here. */
  | { readonly action: 'cancelled' }
  /** It was done before, or there is nothing to do. */
  | { readonly action: 'nothing' }
  /** It must not happen: the sender parks the message, and a person looks at it. */
  | { readonly action: 'alarm' };

export type TransitionTable = Readonly<Record<MessageKind, Readonly<Record<StepState, Transition>>>>;

/**
 * The whole protocol of a participant: kind of message × state of the step. An undo that comes first
 * leaves a TOMBSTONE, so that the step it overtook finds out that it must not run.
 */
export const transitions: TransitionTable = {
  step: {
    NEW: { action: 'effect', to: 'DONE', refused: 'REFUSED' },
    DONE: { action: 'stored' },
    REFUSED: { action: 'stored' },
    COMPENSATED: { action: 'cancelled' },
    TOMBSTONE: { action: 'cancelled' },
    COMMITTED: { action: 'stored' },
  },
  undo: {
    NEW: { action: 'mark', to: 'TOMBSTONE' },
    DONE: { action: 'reverse', to: 'COMPENSATED' },
    REFUSED: { action: 'nothing' },
    COMPENSATED: { action: 'nothing' },
    TOMBSTONE: { action: 'nothing' },
    COMMITTED: { action: 'alarm' },
  },
  final: {
    NEW: { action: 'alarm' },
    DONE: { action: 'seal', to: 'COMMITTED' },
    REFUSED: { action: 'alarm' },
    COMPENSATED: { action: 'alarm' },
    TOMBSTONE: { action: 'alarm' },
    COMMITTED: { action: 'nothing' },
  },
  must: {
    NEW: { action: 'effect', to: 'COMMITTED' },
    DONE: { action: 'alarm' },
    REFUSED: { action: 'alarm' },
    COMPENSATED: { action: 'alarm' },
    TOMBSTONE: { action: 'alarm' },
    COMMITTED: { action: 'nothing' },
  },
};

/** What a participant does when a transition calls for it. */
export interface Effects<Result> {
  /** Runs the step; answers a reason when it refuses. */
  effect(): Promise<string | undefined>;
  reverse(): Promise<void>;
  seal(): Promise<void>;
  /** Records the new state. */
  change(to: StepState, reason: string | undefined): Promise<Result>;
  stored(): Result;
  cancelled(): Result;
  nothing(): Result;
  alarm(): Result;
}

/** Carries one transition out, in the participant's transaction. Production and the tests' explorer run this. */
export async function perform<Result>(transition: Transition, on: Effects<Result>): Promise<Result> {
  switch (transition.action) {
    case 'effect': {
      const reason = await on.effect();
      if (reason === undefined) return on.change(transition.to, undefined);
      if (transition.refused === undefined) throw new Error(`may not refuse, but did: ${reason}`);
      return on.change(transition.refused, reason);
    }
    case 'reverse':
      await on.reverse();
      return on.change(transition.to, undefined);
    case 'seal':
      await on.seal();
      return on.change(transition.to, undefined);
    case 'mark':
      return on.change(transition.to, undefined);
    case 'stored':
    case 'cancelled':
    case 'nothing':
    case 'alarm':
      return on[transition.action]();
  }
}
