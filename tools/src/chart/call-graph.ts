import type { Contract } from '@weft/chassis/contract';

/** Whom each workload calls, by name, sorted. */
export type CallGraph = Readonly<Record<string, readonly string[]>>;

/**
 * The calls that a contract allows between workloads: those that a method's access names, and from `edge` whatever
 * people may call. A workload is no edge to itself.
 */
export function callGraph(contract: Contract, edge: string): CallGraph {
  const calls = new Map<string, Set<string>>([[edge, new Set()]]);
  for (const { servedBy, access } of contract.methods.values()) {
    if (servedBy === undefined || access.kind === 'denied') continue;
    if (!calls.has(servedBy)) calls.set(servedBy, new Set());
    for (const caller of access.kind === 'services' ? access.services : [edge]) {
      if (!calls.has(caller)) calls.set(caller, new Set());
      if (caller !== servedBy) calls.get(caller)?.add(servedBy);
    }
  }
  return Object.fromEntries([...calls].map(([name, called]) => [name, [...called].sort()]));
}
