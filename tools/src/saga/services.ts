import { status } from '@grpc/grpc-js';
import type { DescribeSagasResponse_Method as Method } from '@weft/proto/weft/v1/saga_operations';
import type { IdentityFiles } from '../certificates.ts';
import { registeredServices } from '../etcd-state.ts';
import { openPeer, Operations, PeerError, type Peer } from './peer.ts';

/** One of the services that take part in sagas, through an instance that answers. */
export interface SagaService {
  readonly workload: string;
  readonly peer: Peer;
  /** Every method of every saga in its contract. */
  readonly methods: readonly Method[];
}

/** The services of a system that take part in sagas, by workload. */
export interface SagaServices {
  readonly all: readonly SagaService[];
  /** Throws, naming those that there are. */
  of(workload: string): SagaService;
  close(): void;
}

/**
 * Asks each address who it is, and keeps one instance of each service; those that keep no data know nothing of
 * sagas and are left out. Throws when none answers, or when a service that the contract names in a saga does not:
 * what is said of sagas without one of their services would be wrong.
 */
export async function openServices(
  addresses: readonly string[],
  identity: IdentityFiles,
  trustDomain: string,
): Promise<SagaServices> {
  const failures: string[] = [];
  const found = new Map<string, SagaService>();
  const unused: Peer[] = [];
  await Promise.all(
    addresses.map(async (address) => {
      const peer = openPeer(address, identity, trustDomain);
      try {
        const { workload, methods } = await peer.call(Operations.describeSagas, {});
        if (found.has(workload)) unused.push(peer);
        else found.set(workload, { workload, peer, methods });
      } catch (error) {
        unused.push(peer);
        if (!(error instanceof PeerError) || error.code !== status.UNIMPLEMENTED)
          failures.push((error as Error).message);
      }
    }),
  );
  for (const peer of unused) peer.close();
  const all = [...found.values()].toSorted((a, b) => a.workload.localeCompare(b.workload));
  const close = () => all.forEach(({ peer }) => peer.close());
  const missing = new Set(all.flatMap(({ methods }) => methods.map(({ servedBy }) => servedBy)));
  for (const workload of found.keys()) missing.delete(workload);
  if (all.length === 0 || missing.size > 0) {
    close();
    const who = all.length === 0 ? 'no service' : [...missing].join(' and ');
    throw new Error([`${who} that takes part in sagas could be reached`, ...failures].join('\n  '));
  }
  return {
    all,
    of: (workload) => {
      const service = found.get(workload);
      if (service === undefined)
        throw new Error(`no service is called ${workload}: ${[...found.keys()].toSorted().join(', ')}`);
      return service;
    },
    close,
  };
}

/** Every address that is registered in etcd, each once. */
export async function registeredAddresses(registry: string): Promise<string[]> {
  return [...new Set((await registeredServices(registry)).map(({ address }) => address))];
}
