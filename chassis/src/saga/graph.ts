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

/** The saga's graph. Throws if the contract has no saga of that name. */
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

/** What is wrong with the sagas of a contract: a step without an undo, a hole, a cycle, a wrong shape. */
export function sagaFaults(methods: ReadonlyMap<string, MethodRule>): string[] {
  const faults: string[] = [];
  const sagas = Map.groupBy(
    [...methods.values()].filter((m) => m.saga !== undefined),
    (m) => m.saga?.name ?? '',
  );
  for (const [name, members] of sagas) {
    const of = (kind: SagaKind) => members.filter((m) => m.saga?.kind === kind);
    for (const kind of ['START', 'COMMIT', 'ABORT', 'OUTCOME'] as const) {
      const count = of(kind).length;
      if (count !== 1) faults.push(`saga ${name}: has ${count} methods of kind ${kind}, needs one`);
    }
    const refers = (from: MethodRule, to: string | undefined, role: string, kinds: SagaKind[]) => {
      const target = to === undefined ? undefined : methods.get(to);
      if (to === undefined) faults.push(`${from.path}: a ${from.saga?.kind} needs ${role}`);
      else if (target === undefined) faults.push(`${from.path}: ${role} ${to} does not exist`);
      else if (target.saga?.name !== name || !kinds.includes(target.saga.kind))
        faults.push(`${from.path}: ${role} ${to} is no ${kinds.join(' or ')} of saga ${name}`);
    };
    for (const start of of('START')) {
      refers(start, start.saga?.next, 'next', ['STEP', 'COMMIT']);
      if (start.saga?.deadlineMs === undefined) faults.push(`${start.path}: a START needs a deadline`);
    }
    for (const step of of('STEP')) {
      refers(step, step.saga?.undo, 'undo', ['UNDO']);
      refers(step, step.saga?.next, 'next', ['STEP', 'COMMIT']);
      if (step.saga?.final !== undefined) refers(step, step.saga.final, 'final', ['FINAL']);
    }
    faults.push(...chainFaults(name, of('START')[0], of('STEP'), methods));
    for (const [kind, role] of [
      ['UNDO', 'undo'],
      ['FINAL', 'final'],
    ] as const)
      for (const method of of(kind)) {
        const owners = of('STEP').filter((s) => s.saga?.[role] === method.path);
        if (owners.length !== 1)
          faults.push(`${method.path}: is the ${role} of ${owners.length} steps, needs one`);
      }
    for (const method of members) faults.push(...shapeFaults(method));
  }
  return faults;
}

/** From the start every step is reached once, and the way ends at the commit. */
function chainFaults(
  name: string,
  start: MethodRule | undefined,
  steps: readonly MethodRule[],
  methods: ReadonlyMap<string, MethodRule>,
): string[] {
  const seen = new Set<string>();
  let at = start?.saga?.next;
  while (at !== undefined) {
    if (seen.has(at)) return [`saga ${name}: ${at} follows itself`];
    seen.add(at);
    at = methods.get(at)?.saga?.next;
  }
  return steps
    .filter((s) => !seen.has(s.path))
    .map((s) => `${s.path}: no way leads there from the start of saga ${name}`);
}

/** The relay knows no domain's types: it relies on these shapes. */
function shapeFaults({ path, saga, descriptor }: MethodRule): string[] {
  if (saga === undefined || saga.kind === 'START') return [];
  const reply =
    saga.kind === 'LOG'
      ? 'weft.v1.SagaLog'
      : saga.kind === 'OUTCOME'
        ? 'weft.v1.SagaOutcome'
        : 'weft.v1.SagaReply';
  const faults: string[] = [];
  if (descriptor.output.typeName !== reply) faults.push(`${path}: must answer ${reply}`);
  const header = descriptor.input.fields.find((f) => f.number === 1);
  if (header?.message?.typeName !== 'weft.v1.SagaHeader')
    faults.push(`${path}: field 1 of its request must be a weft.v1.SagaHeader`);
  return faults;
}
