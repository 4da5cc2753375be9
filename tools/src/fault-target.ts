import { describeFault, type Fault } from '@weft/chassis/faults/fault';
import { contracts } from './grpc-call.ts';
import { waitFor } from './wait-for.ts';

const arrivesWithinMs = 5_000;

/**
 * The full name of a method of a workload: given in full, or by its own name where that names only one.
 * Throws what else it could be.
 */
export function methodOf(name: string, workload: string | undefined): string {
  const all = [...contracts().methods.values()]
    .filter(({ servedBy }) => workload === undefined || servedBy === workload)
    .map(({ path }) => path.slice(1));
  const found = all.filter((path) => path === name || path.endsWith(`/${name}`));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const whose = workload ?? 'the contract';
  if (found.length > 1) throw new Error(`METHOD=${name} is several of ${whose}: ${found.join(', ')}`);
  throw new Error(`METHOD=${name} is none of ${whose}: ${all.join(', ')}`);
}

/** Whether a process was started with FAULTS=on, by its /readyz. */
export async function faultsSwitchedOn(adminPort: number): Promise<boolean> {
  return (await faultsOf(adminPort)) !== undefined;
}

/** Resolves once a process says that it has a fault; throws after 5 s. */
export async function awaitFault(adminPort: number, method: string, fault: Fault): Promise<void> {
  const line = `${method}: ${describeFault(fault)}`;
  const known = async () => (await faultsOf(adminPort))?.split('; ').includes(line) === true;
  if (!(await waitFor(known, arrivesWithinMs, 50)))
    throw new Error(`the process on admin port ${adminPort} has not heard of the fault`);
}

/** What /readyz says of faults; undefined where they are switched off. */
async function faultsOf(adminPort: number): Promise<string | undefined> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`, { signal: AbortSignal.timeout(2_000) });
  const { dependencies } = (await answer.json()) as {
    readonly dependencies: { readonly faults?: { readonly detail: string } };
  };
  return dependencies.faults?.detail;
}
