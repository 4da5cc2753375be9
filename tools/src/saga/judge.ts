import { mayBeForgotten, millis, recordDrift } from '@weft/chassis/saga/record-drift';
import type {
  DescribeSagasResponse_Method as Method,
  Drift,
  SagaEffect,
  SagaRecord,
} from '@weft/proto/weft/v1/saga_operations';

/** What each service has of one saga, by workload; those that know nothing of it are absent. */
export type Facts = ReadonlyMap<string, SagaRecord>;

export type Verdict =
  /** A message is on its way, or nobody has decided yet: it may not be judged. */
  { readonly kind: 'in-flight' } | { readonly kind: 'judged'; readonly drifts: readonly Drift[] };

const none = 'no such step';
const undone = ['REFUSED', 'COMPENSATED', 'TOMBSTONE'];

/**
 * Holds a saga to the invariants: what the arbiter decided is what every service did, and what they moved is what
 * it should have cost. Pure. The facts are read one service after another, so only what is the same twice counts.
 *
 * @param methods Every method of the contract's sagas.
 */
export function judge(sagaId: string, facts: Facts, methods: readonly Method[], nowMs: number): Verdict {
  const records = [...facts.values()];
  if (records.some(({ messages }) => messages.some(({ state }) => state === 'pending')))
    return { kind: 'in-flight' };
  const drifts: Drift[] = records.flatMap((record) => recordDrift(sagaId, record, nowMs));
  const drift = (check: string, expected: string, found: string) =>
    drifts.push({ check, key: sagaId, expected, found });
  const decision = records.find((record) => record.decision !== undefined)?.decision;
  if (decision === undefined) {
    const steps = new Set(methods.filter(({ kind }) => kind === 'STEP').map(({ method }) => method));
    // A decision by itself, with its musts, has no saga.
    if (records.some((record) => record.steps.some(({ step }) => steps.has(step))))
      drift(
        'unknown',
        'a decision of its arbiter',
        'no service has the saga itself, others have steps of it',
      );
    return { kind: 'judged', drifts };
  }
  if (decision.state === 'PENDING') {
    if (!decision.overdue) return { kind: 'in-flight' };
    drift('overdue', `a decision by ${new Date(millis(decision.deadline)).toISOString()}`, 'PENDING');
    return { kind: 'judged', drifts };
  }
  // A decision is kept for ever, the steps that followed it are not.
  const old = mayBeForgotten(decision.decideTime, nowMs);
  const stateOf = ({ servedBy, method }: Pick<Method, 'servedBy' | 'method'>) =>
    facts.get(servedBy)?.steps.find(({ step }) => step === method)?.state ?? none;
  for (const method of methods.filter(({ saga, kind }) => saga === decision.saga && kind === 'STEP')) {
    const state = stateOf(method);
    const allowed =
      decision.state === 'ABORTED' ? undone : method.sealed ? ['COMMITTED'] : ['DONE', 'COMMITTED'];
    if (!allowed.includes(state) && !(old && state === none))
      drift('step', `${method.method} ${allowed.join(' or ')}, the saga being ${decision.state}`, state);
  }
  for (const method of methods.filter(({ kind }) => kind === 'DECIDE')) {
    const wanted = stateOf(method);
    for (const must of methods.filter(({ method: name }) => method.must.includes(name))) {
      const state = stateOf(must);
      if (state !== wanted && (state === 'COMMITTED' || wanted === 'COMMITTED'))
        drift('must', `${must.method} ${wanted}, like ${method.method}`, state);
    }
  }
  drifts.push(...unbalanced(sagaId, records));
  return { kind: 'judged', drifts };
}

/** What services have moved for a saga against what its arbiter says it must be, by kind and key. */
function unbalanced(sagaId: string, records: readonly SagaRecord[]): Drift[] {
  const found = sum(records.flatMap(({ effects }) => effects));
  const expected = sum(records.flatMap(({ expected: each }) => each));
  return [...new Set([...found.keys(), ...expected.keys()])]
    .filter((of) => (found.get(of) ?? 0n) !== (expected.get(of) ?? 0n))
    .map((of) => ({
      check: 'effect',
      key: sagaId,
      expected: `${expected.get(of) ?? 0n} ${of}`,
      found: String(found.get(of) ?? 0n),
    }));
}

function sum(effects: readonly SagaEffect[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { kind, key, amount } of effects) {
    const of = `${kind} of ${key}`;
    sums.set(of, (sums.get(of) ?? 0n) + amount);
  }
  return sums;
}
