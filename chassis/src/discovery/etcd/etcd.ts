import type { Logger } from '../../logger.ts';
import { decodeInstance } from '../instance-codec.ts';
import { KnownInstances } from '../known-instances.ts';
import { readSnapshot, SnapshotWriter } from '../snapshot.ts';
import type { Directory, Instance, Registry } from '../registry.ts';
import { etcdClient, parseEtcdUrl } from './client.ts';
import { EtcdRegistration } from './register.ts';
import { EtcdWatch, type Change } from './watch.ts';

export interface EtcdOptions {
  readonly logger: Logger;
  /** Seconds until an instance that stopped renewing is forgotten. Default 10. */
  readonly leaseS?: number;
  /** How long an instance stays in use that vanished without a word. Default 60,000 ms. */
  readonly graceMs?: number;
  /** A folder where the last list is kept for the next start. */
  readonly cacheDir?: string | undefined;
}

/** Registration in etcd: one key per gRPC service, all under one lease. */
export function etcdRegistry(url: string, { logger, leaseS = 10 }: EtcdOptions): Registry {
  const address = parseEtcdUrl(url);
  return {
    register: (instance, services) =>
      new EtcdRegistration(etcdClient(address), address.prefix, instance, services, leaseS, logger),
  };
}

/** Resolution from etcd: one watch for all services of the mesh, begun when the first is asked for. */
export function etcdResolver(url: string, options: EtcdOptions): Directory {
  const address = parseEtcdUrl(url);
  const { logger, graceMs = 60_000, cacheDir } = options;
  const known = new KnownInstances(graceMs);
  const listeners = new Map<string, Set<(instances: readonly Instance[]) => void>>();
  const readers = new Set<(names: readonly string[]) => void>();
  let names = '';
  const snapshot = cacheDir === undefined ? undefined : new SnapshotWriter(cacheDir, logger);
  const tell = (services: Iterable<string>): void => {
    let changed = false;
    for (const service of services) {
      changed = true;
      for (const listener of listeners.get(service) ?? []) listener(known.of(service));
    }
    if (changed) snapshot?.write(known.all());
    tellNames();
  };
  const tellNames = (): void => {
    const now = known.services();
    if (now.join() === names) return;
    names = now.join();
    for (const reader of readers) reader(now);
  };
  const read = (
    change: Change,
  ): [service: string, id: string, instance: Instance | undefined] | undefined => {
    const [service = '', id = '', ...rest] = change.key.split('/');
    try {
      if (service === '' || id === '' || rest.length > 0) throw new Error('is no <service>/<instance>');
      return [service, id, change.value === undefined ? undefined : decodeInstance(id, change.value)];
    } catch (error) {
      logger.warn({ key: change.key, err: error }, 'a registration that cannot be read is skipped');
      return undefined;
    }
  };
  if (cacheDir !== undefined) {
    const before = readSnapshot(cacheDir, logger);
    for (const [service, instance] of before) {
      known.put(service, instance);
      known.missing(service, instance.id, Date.now());
    }
  }

  let watch: EtcdWatch | undefined;
  const begin = (): EtcdWatch => {
    const onList = (content: readonly Change[]): void => {
      const entries = content.map(read).flatMap((entry) => {
        const [service, , instance] = entry ?? [];
        return service === undefined || instance === undefined ? [] : [[service, instance] as const];
      });
      const now = Date.now();
      tell(new Set([...known.replace(entries, now), ...known.expire(now)]));
    };
    const onChanges = (changes: readonly Change[]): void => {
      const changed = new Set<string>();
      for (const entry of changes.map(read)) {
        if (entry === undefined) continue;
        const [service, id, instance] = entry;
        if (instance === undefined) known.missing(service, id, Date.now());
        else if (known.put(service, instance)) changed.add(service);
      }
      for (const service of known.expire(Date.now())) changed.add(service);
      tell(changed);
    };
    return new EtcdWatch(etcdClient(address), address.prefix, { onList, onChanges }, logger);
  };

  return {
    watch(service, listener) {
      watch ??= begin();
      const all = listeners.get(service) ?? new Set();
      listeners.set(service, all.add(listener));
      const instances = known.of(service);
      if (instances.length > 0) listener(instances);
      return () => all.delete(listener);
    },
    services(listener) {
      watch ??= begin();
      readers.add(listener);
      const now = known.services();
      if (now.length > 0) listener(now);
      return () => readers.delete(listener);
    },
    status: () => watch?.status() ?? { connected: true, detail: 'nothing was asked of it yet' },
    close: async () => {
      watch?.close();
      await snapshot?.close();
    },
  };
}
