import type { Drift, SagaRecord } from '@weft/proto/weft/v1/saga_operations';

/** The state of a saga that the last state of its arbiter's log stands for. */
const decisionOf: Readonly<Record<string, string>> = {
  DONE: 'PENDING',
  COMMITTED: 'COMMITTED',
  COMPENSATED: 'ABORTED',
};
const withEffect = ['DONE', 'COMMITTED'];

/**
 * What does not agree within one service's record of a saga: its log's chain of hashes, its steps and its decision
 * against the log, and an effect that no step accounts for (a tombstone with one, for instance). The parts of a
 * record are read one after another, so only what is found twice, with the saga at rest, is drift.
 */
export function recordDrift(sagaId: string, record: SagaRecord): Drift[] {
  const { decision, steps, events, effects, brokenAt } = record;
  const drifts: Drift[] = [];
  const drift = (check: string, expected: string, found: string) =>
    drifts.push({ check, key: sagaId, expected, found });
  if (brokenAt > 0) drift('log', 'an unbroken chain', `row ${brokenAt} of the log was changed or taken out`);
  for (const { step, state, loggedState } of steps)
    if (state !== loggedState) drift('log', `${step} ${loggedState}`, `${step} ${state}`);
  const own = new Set(steps.map(({ step }) => step));
  const decided = events.findLast(({ step }) => !own.has(step))?.toState ?? '';
  if (decision !== undefined && decisionOf[decided] !== decision.state)
    drift('log', decisionOf[decided] ?? 'no decision', decision.state);
  if (effects.length > 0 && !steps.some(({ state }) => withEffect.includes(state))) {
    const found = effects.map(({ kind, key, amount }) => `${amount} ${kind} of ${key}`).join(', ');
    drift('effect', 'none, since no step is done', found);
  }
  return drifts;
}
