import type { Drift, SagaRecord } from '@weft/proto/weft/v1/saga_operations';

/** The state of a saga that the last state of its arbiter's log stands for. */
const decisionOf: Readonly<Record<string, string>> = {
  DONE: 'PENDING',
  COMMITTED: 'COMMITTED',
  COMPENSATED: 'ABORTED',
};
const withEffect = ['DONE', 'COMMITTED'];
/** Fences are deleted after 7 days, and logs a day later, not all at the same moment. */
const keptMs = 6 * 24 * 3_600_000;

/** Whether what happened then may have been deleted by now; what never happened has not. */
export function mayBeForgotten(time: Time, nowMs: number): boolean {
  return time !== undefined && millis(time) < nowMs - keptMs;
}

/**
 * What does not agree within one service's record of a saga: its log's chain of hashes, its steps and its decision
 * against the log, and an effect that no step accounts for (a tombstone with one, for instance). The parts of a
 * record are read one after another, so only what is found twice, with the saga at rest, is drift. Of a saga that
 * is old enough for it, the steps and the log may be gone while decision and effects stay.
 */
export function recordDrift(sagaId: string, record: SagaRecord, nowMs: number): Drift[] {
  const { decision, steps, events, effects, brokenAt } = record;
  const drifts: Drift[] = [];
  const drift = (check: string, expected: string, found: string) =>
    drifts.push({ check, key: sagaId, expected, found });
  if (brokenAt > 0) drift('log', 'an unbroken chain', `row ${brokenAt} of the log was changed or taken out`);
  for (const { step, state, loggedState, firstTime } of steps)
    if (state !== loggedState && !(loggedState === 'NEW' && mayBeForgotten(firstTime, nowMs)))
      drift('log', `${step} ${loggedState}`, `${step} ${state}`);
  const own = new Set(steps.map(({ step }) => step));
  const decided = events.findLast(({ step }) => !own.has(step))?.toState;
  const noLog = decided === undefined && mayBeForgotten(decision?.decideTime, nowMs);
  if (decision !== undefined && !noLog && decisionOf[decided ?? ''] !== decision.state)
    drift('log', decisionOf[decided ?? ''] ?? 'no decision', decision.state);
  const known = [...events.map(({ time }) => time), ...steps.map(({ lastTime }) => lastTime)];
  const noSteps = steps.length === 0 && known.every((time) => mayBeForgotten(time, nowMs));
  if (effects.length > 0 && !noSteps && !steps.some(({ state }) => withEffect.includes(state))) {
    const found = effects.map(({ kind, key, amount }) => `${amount} ${kind} of ${key}`).join(', ');
    drift('effect', 'none, since no step is done', found);
  }
  return drifts;
}

type Time = { readonly seconds: bigint; readonly nanos: number } | undefined;

/** Unix milliseconds; 0 for none. */
export function millis(time: Time): number {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + time.nanos / 1e6;
}
