import type { Dependency } from '../admin-server.ts';
import { checkAccess, parseEtcdUrl, type EtcdAccess } from '../discovery/etcd/address.ts';
import { EtcdLink } from '../discovery/etcd/link.ts';
import { EtcdWatch, type Change } from '../discovery/etcd/watch.ts';
import type { Logger } from '../logger.ts';
import { checkFault, describeFault, everyMethod, type Fault } from './fault.ts';
import { faultPrefix } from './fault-keys.ts';

/** No answer of etcd takes longer than this. */
const answerMs = 2_000;

/** The faults of one workload as they stand. */
export interface Faults {
  /** The fault of a method (`/package.Service/Method`), its own before that of every method. */
  of(path: string): Fault | undefined;
}

export interface FaultWatch extends Faults {
  /** What /readyz shows, so that whoever sets a fault sees that it has arrived. */
  readonly dependency: Dependency;
  close(): void;
}

/**
 * Follows a workload's faults in etcd. While etcd is away the last known ones stay, to their end; a value
 * that cannot be read is skipped and logged. `url` is REGISTRY's; throws what is wrong with it or `access`.
 */
export function watchFaults(
  url: string,
  workload: string,
  logger: Logger,
  access: EtcdAccess = {},
): FaultWatch {
  const address = parseEtcdUrl(url);
  checkAccess(address, access);
  const faults = new Map<string, Fault>();
  const take = ({ key, value }: Change): void => {
    faults.delete(key);
    if (value === undefined) return;
    try {
      faults.set(key, checkFault(JSON.parse(value)));
    } catch (error) {
      logger.warn({ key, err: error }, 'a fault that cannot be read is skipped');
    }
  };
  const tell = (): void => logger.warn({ faults: listed(faults) }, 'faults on demand');
  const watch = new EtcdWatch(
    new EtcdLink(address, access, answerMs),
    faultPrefix(address.prefix, workload),
    {
      onList(content) {
        const before = listed(faults).join();
        faults.clear();
        content.forEach(take);
        if (listed(faults).join() !== before) tell();
      },
      onChanges(changes) {
        changes.forEach(take);
        tell();
      },
    },
    logger,
  );
  return {
    of: (path) => {
      // The usual state: nothing is to go wrong.
      if (faults.size === 0) return undefined;
      const fault = faults.get(path.slice(1)) ?? faults.get(everyMethod);
      return fault !== undefined && fault.untilMs > Date.now() ? fault : undefined;
    },
    dependency: {
      name: 'faults',
      required: false,
      state: async () => ({ ok: true, detail: listed(faults).join('; ') || 'none' }),
    },
    close: () => watch.close(),
  };
}

function listed(faults: ReadonlyMap<string, Fault>): string[] {
  return [...faults].map(([method, fault]) => `${method}: ${describeFault(fault)}`);
}
