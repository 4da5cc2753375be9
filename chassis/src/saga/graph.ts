import type { Contract, MethodRule, SagaKind } from '../contract.ts';

/** Who answers in a saga: what a service and the relay need to know of it beside its own methods. */
export interface SagaGraph {
  readonly name: string;
  readonly start: MethodRule;
  /** In the order they run. */
  readonly steps: readonly MethodRule[];
  readonly commit: MethodRule;
  readonly abort: MethodRule;
  readonly outcome: MethodRule;
  /** Every participant's log of the saga. */
  readonly logs: readonly MethodRule[];
}

/** The saga's graph. Throws if the contract has no saga of that name that begins with a START. */
export function sagaGraph(contract: Contract, name: string): SagaGraph {
  const of = (kind: SagaKind) =>
    [...contract.methods.values()].filter((m) => m.saga?.name === name && m.saga.kind === kind);
  const one = (kind: SagaKind): MethodRule => {
    const found = of(kind)[0];
    if (found === undefined) throw new Error(`the contract declares no ${kind} of saga ${name}`);
    return found;
  };
  const start = one('START');
  const steps: MethodRule[] = [];
  for (let at = start.saga?.next; at !== undefined;) {
    const method = contract.methods.get(at);
    if (method?.saga?.kind !== 'STEP') break;
    steps.push(method);
    at = method.saga.next;
  }
  return {
    name,
    start,
    steps,
    commit: one('COMMIT'),
    abort: one('ABORT'),
    outcome: one('OUTCOME'),
    logs: of('LOG'),
  };
}

/** A saga that is decided at once, and what must follow. */
export interface DecisionGraph {
  readonly name: string;
  readonly decide: MethodRule;
  readonly musts: readonly MethodRule[];
}

/** The graph of a saga that begins with a DECIDE; undefined if the contract has none of that name. */
export function decisionGraph(contract: Contract, name: string): DecisionGraph | undefined {
  const methods = [...contract.methods.values()];
  const decide = methods.find((m) => m.saga?.name === name && m.saga.kind === 'DECIDE');
  if (decide === undefined) return undefined;
  const musts = (decide.saga?.must ?? []).flatMap((path) => contract.methods.get(path) ?? []);
  return { name, decide, musts };
}

/** The names of all sagas of a contract, in the order of the alphabet. */
export function sagaNames(contract: Contract): string[] {
  const named = [...contract.methods.values()].flatMap(({ saga }) => saga?.name ?? []);
  return [...new Set(named)].toSorted();
}
