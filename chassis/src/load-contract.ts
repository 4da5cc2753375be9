import {
  createFileRegistry,
  fromBinary,
  getOption,
  hasOption,
  type DescExtension,
  type DescMethod,
  type DescService,
  type FileRegistry,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { Priority } from './call-context.ts';
import type { AccessRule, Contract, MethodRule, SagaKind, SagaRule } from './contract.ts';
import { sagaFaults } from './saga/graph-faults.ts';

const maxAttemptsLimit = 3;
/** What ends a saga frees what it holds: refused last. */
const endsOfSagas = new Set<SagaKind>(['UNDO', 'FINAL', 'COMMIT', 'ABORT', 'OUTCOME', 'MUST']);

/**
 * Reads an encoded `google.protobuf.FileDescriptorSet`. Throws a ContractError that lists every
 * fault at once: an access rule with none or several of its four forms, retries of a method that is
 * not idempotent, a hedge of what is no read, a saga that does not fit together. With `partial` it is part of a
 * larger contract, and sagas may lead out of it. `defaultTimeoutMs` is for unary methods that say nothing of
 * theirs; Infinity: none.
 */
export function loadContract(
  bytes: Uint8Array,
  { partial = false, defaultTimeoutMs = 10_000 } = {},
): Contract {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
  const services = new Map<string, DescService>();
  const methods = new Map<string, MethodRule>();
  const faults: string[] = [];
  for (const type of registry) {
    if (type.kind !== 'service') continue;
    services.set(type.typeName, type);
    for (const method of type.methods) {
      const rule = methodRule(registry, type, method, defaultTimeoutMs, faults);
      methods.set(rule.path, rule);
    }
  }
  if (!partial) faults.push(...sagaFaults(methods));
  if (faults.length > 0) throw new ContractError(faults);
  return { registry, services, methods, bytes };
}

/** A contract that cannot be enforced as it is written. */
export class ContractError extends Error {
  override readonly name = 'ContractError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the contract has ${faults.length} fault(s):\n${faults.map((f) => `  ${f}`).join('\n')}`);
    this.faults = faults;
  }
}

function methodRule(
  registry: FileRegistry,
  service: DescService,
  method: DescMethod,
  defaultTimeoutMs: number,
  faults: string[],
): MethodRule {
  const path = `/${service.typeName}/${method.name}`;
  const idempotent = method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
  const streaming = method.methodKind !== 'unary';
  const call = option<WireCallPolicy>(registry, method, 'call');
  const maxAttempts =
    call !== undefined && call.maxAttempts > 0 ? call.maxAttempts : idempotent ? maxAttemptsLimit : 1;
  if (maxAttempts > 1 && !idempotent)
    faults.push(`${path}: max_attempts ${maxAttempts} needs an idempotency_level`);
  if (maxAttempts > maxAttemptsLimit)
    faults.push(`${path}: max_attempts is ${maxAttempts}, at most ${maxAttemptsLimit}`);
  const presetMs = streaming || defaultTimeoutMs === Infinity ? undefined : defaultTimeoutMs;
  const timeoutMs = durationMs(call?.timeout) ?? presetMs;
  const hedgeAfterMs = durationMs(call?.hedgeAfter);
  if (hedgeAfterMs !== undefined) {
    const reads = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    if (!reads || streaming || maxAttempts < 2)
      faults.push(`${path}: hedge_after is for unary methods with NO_SIDE_EFFECTS and several attempts`);
    if (hedgeAfterMs <= 0 || hedgeAfterMs >= (timeoutMs ?? Infinity))
      faults.push(`${path}: hedge_after must lie between 0 and the timeout`);
  }
  const servedBy = option<string>(registry, service, 'served_by');
  const saga = sagaRule(registry, method);
  return {
    path,
    service: service.typeName,
    ...(servedBy === undefined ? {} : { servedBy }),
    access: accessRule(registry, method, path, faults),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    maxAttempts,
    idempotent,
    ...(hedgeAfterMs === undefined ? {} : { hedgeAfterMs }),
    priority: priorityOf(registry, call?.priority, saga?.kind),
    streaming,
    ...(saga === undefined ? {} : { saga }),
    descriptor: method,
  };
}

function priorityOf(registry: FileRegistry, value: number | undefined, kind: SagaKind | undefined): Priority {
  const priority = registry.getEnum('weft.v1.CallPolicy.Priority')?.value[value ?? 0];
  if (priority !== undefined && priority.number !== 0) return priority.name as Priority;
  return kind !== undefined && endsOfSagas.has(kind) ? 'CRITICAL' : 'USER';
}

function accessRule(registry: FileRegistry, method: DescMethod, path: string, faults: string[]): AccessRule {
  const access = option<{ public: boolean; user: boolean; roles: string[]; services: string[] }>(
    registry,
    method,
    'access',
  );
  if (access === undefined) return { kind: 'denied' };
  const rules: AccessRule[] = [];
  if (access.public) rules.push({ kind: 'public' });
  if (access.user) rules.push({ kind: 'user' });
  if (access.roles.length > 0) rules.push({ kind: 'roles', roles: access.roles });
  if (access.services.length > 0) rules.push({ kind: 'services', services: access.services });
  const [rule] = rules;
  if (rule === undefined || rules.length > 1) {
    faults.push(`${path}: access must have exactly one of public, user, roles and services`);
    return { kind: 'denied' };
  }
  return rule;
}

function sagaRule(registry: FileRegistry, method: DescMethod): SagaRule | undefined {
  const saga = option<{
    name: string;
    kind: number;
    next: string;
    undo: string;
    final: string;
    deadline?: WireDuration;
    must: string[];
  }>(registry, method, 'saga');
  if (saga === undefined) return undefined;
  const kinds = registry.getEnum('weft.v1.SagaMethod.Kind');
  const deadlineMs = durationMs(saga.deadline);
  return {
    name: saga.name,
    kind: kinds?.value[saga.kind]?.name as SagaKind,
    ...(saga.next === '' ? {} : { next: `/${saga.next}` }),
    ...(saga.undo === '' ? {} : { undo: `/${saga.undo}` }),
    ...(saga.final === '' ? {} : { final: `/${saga.final}` }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(saga.must.length === 0 ? {} : { must: saga.must.map((method) => `/${method}`) }),
  };
}

interface WireCallPolicy {
  readonly timeout?: WireDuration;
  readonly maxAttempts: number;
  readonly priority: number;
  readonly hedgeAfter?: WireDuration;
}

interface WireDuration {
  readonly seconds: bigint;
  readonly nanos: number;
}

function durationMs(duration: WireDuration | undefined): number | undefined {
  return duration && Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** The value of a weft.v1 option, or undefined where the contract does not set it. */
function option<T>(registry: FileRegistry, on: DescMethod | DescService, name: string): T | undefined {
  const extension = registry.getExtension(`weft.v1.${name}`) as DescExtension | undefined;
  if (extension === undefined || !hasOption(on, extension)) return undefined;
  // The registry builds the extension at run time, so its type is not known to the compiler.
  return getOption(on, extension) as T;
}
