import {
  newStep,
  stepFault,
  stepKey,
  stimuli,
  type Answer,
  type Behaviour,
} from './step-model.test.support.ts';
import type { Outcome, StepModel, Stimulus } from './step-model.test.support.ts';

/**
 * Every sequence of up to `length` messages to one step, possible or not: a bug elsewhere, a restored
 * backup or a hand on grpcurl sends impossible ones. Each is held against what the history of answers alone
 * says must come of it. Answers the first that goes wrong.
 */
export function exploreStep(behaviour: Behaviour, length: number): string | undefined {
  const visit = (
    step: StepModel,
    path: readonly string[],
    answers: readonly Answer[],
  ): string | undefined => {
    if (path.length === length) return undefined;
    for (const stimulus of stimuli) {
      const outcome = behaviour.answer(step, stimulus);
      const here = [...path, `${stimulus.kind}${stimulus.refuses ? ' refusing' : ''}`];
      const fault = wrong(step, stimulus, outcome, answers) ?? stepFault(outcome.after);
      if (fault !== undefined)
        return `${here.join(', ')}: ${fault} (${step.state} → ${outcome.after.state}, ${outcome.answer})`;
      const deeper = visit(outcome.after, here, [...answers, outcome.answer]);
      if (deeper !== undefined) return deeper;
    }
    return undefined;
  };
  return visit(newStep, [], []);
}

/** What the step's history does not allow. */
function wrong(
  step: StepModel,
  { kind, refuses }: Stimulus,
  { after, answer }: Outcome,
  answers: readonly Answer[],
): string | undefined {
  const said = (...those: Answer[]) => those.includes(answer);
  const refusedBefore = answers.includes('REFUSED');
  const untouched = answers.every((each) => each === 'ALARM' || each === 'ERROR');
  const unchanged = stepKey(after) === stepKey(step);
  const sealed = step.seals > 0 || step.state === 'COMMITTED';
  const rule = (what: string, holds: boolean) => (holds ? undefined : what);
  switch (kind) {
    case 'step':
      if (untouched)
        return rule(
          'the first step runs',
          said(refuses ? 'REFUSED' : 'OK') && after.effect === (refuses ? 0 : 1) && !unchanged,
        );
      return rule(
        'a step runs once, and not after an undo',
        unchanged && said(step.effect === 1 || refusedBefore ? 'STORED' : 'CANCELLED'),
      );
    case 'undo':
      if (sealed) return rule('nothing sealed is undone', unchanged && said('ALARM'));
      if (untouched && after.state !== 'TOMBSTONE') return 'an undo that is first leaves a tombstone';
      return rule(
        'an undo leaves no effect',
        after.effect === 0 && said(step.effect === 1 || untouched ? 'OK' : 'NOTHING'),
      );
    case 'final':
      if (sealed) return rule('a final seals once', unchanged && said('NOTHING'));
      if (step.effect === 0) return rule('no final without an effect', unchanged && said('ALARM'));
      return rule('a final seals', after.state === 'COMMITTED' && after.seals === 1 && said('OK'));
    case 'must':
      if (!untouched)
        return rule(
          'a must runs first or never',
          unchanged && said(step.state === 'COMMITTED' ? 'NOTHING' : 'ALARM'),
        );
      if (refuses) return rule('a must cannot refuse', unchanged && said('ERROR'));
      return rule('a must runs', after.state === 'COMMITTED' && after.runs === 1 && said('OK'));
  }
}
