import type { Contract } from '../contract.ts';
import type { Instance, Resolver } from '../discovery/registry.ts';
import { createLogger } from '../logger.ts';
import type { TlsIdentity } from '../tls.ts';
import { http2Connect } from './http2-connection.ts';
import { createMesh, type Mesh } from './mesh.ts';

export interface ToldMesh {
  readonly mesh: Mesh;
  tell(instances: readonly Partial<Instance>[]): void;
}

/** A mesh over real connections, that is told which instances there are. `tls` undefined: in plaintext. */
export function toldMesh(contract: Contract, tls: TlsIdentity | undefined, zone = ''): ToldMesh {
  const listeners = new Set<(instances: readonly Instance[]) => void>();
  let known: readonly Instance[] = [];
  const resolver: Resolver = {
    watch(_, listener) {
      listeners.add(listener);
      listener(known);
      return () => listeners.delete(listener);
    },
    status: () => ({ connected: true, detail: '' }),
    close: async () => undefined,
  };
  const connect = http2Connect(tls === undefined ? { kind: 'plaintext' } : { kind: 'mesh', tls });
  const logger = createLogger({ name: 'test', level: process.env['LOG_LEVEL'] ?? 'silent' });
  return {
    mesh: createMesh({ contract, resolver, connect, logger, zone }),
    tell(instances) {
      const unknown = { zone: '', weight: 1, version: '', startedAt: '' };
      known = instances.map(({ address = '', ...more }) => ({ id: address, address, ...unknown, ...more }));
      for (const listener of listeners) listener(known);
    },
  };
}

/** Makes `count` calls, so many at once; answers the errors of those that failed. */
export async function callMany(
  count: number,
  atOnce: number,
  call: () => Promise<unknown>,
): Promise<unknown[]> {
  const failures: unknown[] = [];
  let left = count;
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await call().catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return failures;
}
