import type { MethodRule, SagaKind, SagaRule } from '../contract.ts';

type Methods = ReadonlyMap<string, MethodRule>;
type Declared = keyof Omit<SagaRule, 'name' | 'kind'>;

/** What a method of each kind may declare. */
const declares: Readonly<Record<SagaKind, readonly Declared[]>> = {
  START: ['next', 'deadlineMs'],
  STEP: ['next', 'undo', 'final'],
  DECIDE: ['must'],
  UNDO: [],
  FINAL: [],
  COMMIT: [],
  ABORT: [],
  OUTCOME: [],
  LOG: [],
  MUST: [],
};

/** What a saga with a START has once, and what it may have beside. */
const once: readonly SagaKind[] = ['START', 'COMMIT', 'ABORT', 'OUTCOME'];
const ofSteps: readonly SagaKind[] = [...once, 'STEP', 'UNDO', 'FINAL'];

/**
 * What is wrong with the sagas of a contract, each with the method and its file: a step without an undo, a
 * hole, a cycle, a participant outside the set that the saga's START or DECIDE leads to, a must that can be
 * undone, a call that the access rule of its method would refuse, a shape that the relay cannot read.
 */
export function sagaFaults(methods: Methods): string[] {
  const members = [...methods.values()].filter((method) => method.saga !== undefined);
  const sagas = Map.groupBy(members, (method) => method.saga?.name ?? '');
  return [...sagas].flatMap(([name, of]) => new OneSaga(name, of, methods).faults());
}

class OneSaga {
  readonly #name: string;
  readonly #members: readonly MethodRule[];
  readonly #methods: Methods;
  readonly #faults: string[] = [];

  constructor(name: string, members: readonly MethodRule[], methods: Methods) {
    this.#name = name;
    this.#members = members;
    this.#methods = methods;
  }

  faults(): string[] {
    this.#kinds();
    for (const method of this.#members)
      this.#faults.push(...declarationFaults(method), ...shapeFaults(method));
    const decided = this.#of('DECIDE', 'MUST').length > 0;
    if (decided) this.#decision();
    if (!decided || this.#of(...ofSteps).length > 0) this.#steps();
    return this.#faults;
  }

  #of(...kinds: SagaKind[]): MethodRule[] {
    return this.#members.filter((method) => kinds.some((kind) => method.saga?.kind === kind));
  }

  #kinds(): void {
    for (const method of this.#members)
      if (declares[method.saga?.kind as SagaKind] === undefined)
        this.#faults.push(`${where(method)}: its kind in saga ${this.#name} is none that there is`);
  }

  #steps(): void {
    const [start] = this.#of('START');
    for (const kind of once) {
      const count = this.#of(kind).length;
      if (count !== 1)
        this.#faults.push(`saga ${this.#name}: has ${count} methods of kind ${kind}, needs one`);
    }
    for (const method of this.#of('START')) {
      this.#refers(method, 'next', ['STEP', 'COMMIT']);
      if (method.saga?.deadlineMs === undefined)
        this.#faults.push(`${where(method)}: a START needs a deadline`);
    }
    for (const step of this.#of('STEP')) {
      this.#refers(step, 'undo', ['UNDO']);
      this.#refers(step, 'next', ['STEP', 'COMMIT']);
      if (step.saga?.final !== undefined) this.#refers(step, 'final', ['FINAL']);
    }
    this.#chain(start);
    this.#owners('UNDO', 'undo');
    this.#owners('FINAL', 'final');
    if (start !== undefined) this.#calls(start);
  }

  #decision(): void {
    const decides = this.#of('DECIDE');
    if (decides.length !== 1)
      this.#faults.push(`saga ${this.#name}: has ${decides.length} methods of kind DECIDE, needs one`);
    for (const decide of decides) {
      const listed = decide.saga?.must ?? [];
      if (listed.length === 0) this.#faults.push(`${where(decide)}: a DECIDE needs must`);
      if (new Set(listed).size < listed.length)
        this.#faults.push(`${where(decide)}: names a must more than once`);
      for (const path of listed) {
        this.#target(decide, 'must', path, ['MUST']);
        this.#mayCall(decide, this.#methods.get(path));
      }
    }
    for (const must of this.#of('MUST'))
      if (decides.every((decide) => decide.saga?.must?.includes(must.path) !== true))
        this.#faults.push(`${where(must)}: is the must of no DECIDE of saga ${this.#name}`);
  }

  /** From the start every step is reached once, and the way ends at the commit. */
  #chain(start: MethodRule | undefined): void {
    const seen = new Set<string>();
    for (let at = start?.saga?.next; at !== undefined; at = this.#methods.get(at)?.saga?.next) {
      if (seen.has(at)) {
        const again = this.#methods.get(at);
        this.#faults.push(`${again === undefined ? at : where(again)}: follows itself in saga ${this.#name}`);
        return;
      }
      seen.add(at);
    }
    for (const step of this.#of('STEP'))
      if (!seen.has(step.path))
        this.#faults.push(`${where(step)}: no way leads there from the start of saga ${this.#name}`);
  }

  /** An undo and a final belong to one step, and to its workload: the fence is in that one's database. */
  #owners(kind: 'UNDO' | 'FINAL', role: 'undo' | 'final'): void {
    for (const method of this.#of(kind)) {
      const owners = this.#of('STEP').filter((step) => step.saga?.[role] === method.path);
      if (owners.length !== 1)
        this.#faults.push(`${where(method)}: is the ${role} of ${owners.length} steps, needs one`);
      for (const step of owners)
        if (step.servedBy !== method.servedBy)
          this.#faults.push(
            `${where(method)}: is served by ${method.servedBy}, and its step ${step.path} by ${step.servedBy}`,
          );
    }
  }

  /** Whoever calls a method in the graph must be let in by its access rule; the relay carries no user's token. */
  #calls(start: MethodRule): void {
    const target = (path: string | undefined) => (path === undefined ? undefined : this.#methods.get(path));
    for (const decider of this.#of('COMMIT', 'ABORT', 'OUTCOME'))
      if (decider.servedBy !== start.servedBy)
        this.#faults.push(
          `${where(decider)}: is served by ${decider.servedBy}, and the START of saga ${this.#name} by ${start.servedBy}`,
        );
    this.#mayCall(start, target(start.saga?.next));
    for (const step of this.#of('STEP')) {
      this.#mayCall(step, target(step.saga?.next));
      for (const decider of this.#of('ABORT', 'OUTCOME')) this.#mayCall(step, decider);
      this.#mayCall(start, target(step.saga?.undo));
      this.#mayCall(start, target(step.saga?.final));
    }
    for (const log of this.#of('LOG')) this.#mayCall(start, log);
  }

  #mayCall(from: MethodRule, to: MethodRule | undefined): void {
    const { servedBy } = from;
    if (servedBy === undefined || to === undefined || to.saga?.name !== this.#name) return;
    const { access } = to;
    if (access.kind === 'public' || (access.kind === 'services' && access.services.includes(servedBy)))
      return;
    const fault = `${where(to)}: its access does not let ${servedBy} in, which calls it in saga ${this.#name}`;
    if (!this.#faults.includes(fault)) this.#faults.push(fault);
  }

  #refers(from: MethodRule, role: 'next' | 'undo' | 'final', kinds: readonly SagaKind[]): void {
    const path = from.saga?.[role];
    if (path === undefined) this.#faults.push(`${where(from)}: a ${from.saga?.kind} needs ${role}`);
    else this.#target(from, role, path, kinds);
  }

  #target(from: MethodRule, role: string, path: string, kinds: readonly SagaKind[]): void {
    const target = this.#methods.get(path);
    if (target === undefined) this.#faults.push(`${where(from)}: ${role} ${path} does not exist`);
    else if (target.saga?.name !== this.#name || !kinds.some((kind) => kind === target.saga?.kind))
      this.#faults.push(`${where(from)}: ${role} ${path} is no ${kinds.join(' or ')} of saga ${this.#name}`);
  }
}

/** A method and the file that declares it: `/pkg.Service/Method (pkg/file.proto)`. */
function where({ path, descriptor }: MethodRule): string {
  return `${path} (${descriptor.parent.file.name}.proto)`;
}

function declarationFaults(method: MethodRule): string[] {
  const { name: _, kind, ...declared } = method.saga as SagaRule;
  const may = declares[kind] ?? [];
  return (Object.keys(declared) as Declared[])
    .filter((each) => !may.includes(each))
    .map((each) => `${where(method)}: a ${kind} has no ${each === 'deadlineMs' ? 'deadline' : each}`);
}

/** The relay knows no domain's types: it relies on these shapes. */
function shapeFaults(method: MethodRule): string[] {
  const { saga, descriptor, streaming } = method;
  if (streaming) return [`${where(method)}: a stream cannot be part of a saga`];
  if (saga === undefined || saga.kind === 'START' || saga.kind === 'DECIDE') return [];
  const reply =
    saga.kind === 'LOG'
      ? 'weft.v1.SagaLog'
      : saga.kind === 'OUTCOME'
        ? 'weft.v1.SagaOutcome'
        : 'weft.v1.SagaReply';
  const faults: string[] = [];
  if (descriptor.output.typeName !== reply) faults.push(`${where(method)}: must answer ${reply}`);
  const header = descriptor.input.fields.find((f) => f.number === 1);
  if (header?.message?.typeName !== 'weft.v1.SagaHeader')
    faults.push(`${where(method)}: field 1 of its request must be a weft.v1.SagaHeader`);
  return faults;
}
