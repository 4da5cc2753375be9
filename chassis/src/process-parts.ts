import type { Dependency } from './admin-server.ts';
import type { Resolver } from './discovery/registry.ts';
import { StartError } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { followTls, type FollowedTls } from './tls-source.ts';
import { readTlsIdentity, type TlsFiles } from './tls.ts';

/** Reads a process's identity in the mesh (readTlsIdentity), and follows its files. Throws a StartError. */
export function openMeshIdentity(
  files: TlsFiles,
  trustDomain: string,
  logger: Logger,
  workload?: string,
): FollowedTls {
  try {
    return followTls(files, readTlsIdentity(files, trustDomain, workload), { trustDomain, workload, logger });
  } catch (error) {
    throw new StartError((error as Error).message, { cause: (error as Error).cause });
  }
}

/** Whether instances can be found, for people: the last known ones stay in use while they cannot. */
export function registryState(resolver: Resolver): Dependency {
  return {
    name: 'registry',
    required: false,
    state: async () => {
      const { connected, detail } = resolver.status();
      return { ok: connected, ...(detail === '' ? {} : { detail }) };
    },
  };
}
