import type { Logger } from '../../logger.ts';
import type { Directory, Registry } from '../registry.ts';
import { checkAccess, parseEtcdUrl, type EtcdAccess } from './address.ts';
import { EtcdDirectory } from './directory.ts';
import { EtcdLink } from './link.ts';
import { EtcdRegistration } from './register.ts';

export interface EtcdOptions {
  readonly logger: Logger;
  /** Seconds until an instance that stopped renewing is forgotten. Default 10; etcd grants no less than 2. */
  readonly leaseS?: number | undefined;
  /** How long an instance stays in use that vanished without a word. Default 20,000 ms. */
  readonly graceMs?: number;
  /** A folder where the last list is kept for the next start. */
  readonly cacheDir?: string | undefined;
  /** What etcd wants to see, with `etcds://`. */
  readonly access?: EtcdAccess | undefined;
}

/** No answer of etcd takes longer than this, or than a third of a lease: the next node must have time for another try. */
const timeoutMs = 2_000;

/** Registration in etcd: one key per gRPC service, all under one lease. Throws what is wrong with `url` or `access`. */
export function etcdRegistry(url: string, { logger, leaseS = 10, access = {} }: EtcdOptions): Registry {
  const address = parseEtcdUrl(url);
  checkAccess(address, access);
  const { prefix } = address;
  return {
    register(instance, services) {
      if (!/^[^/\0]+$/.test(instance.id)) throw new Error(`${JSON.stringify(instance.id)} is no instance id`);
      const link = new EtcdLink(address, access, Math.min(timeoutMs, (leaseS * 1000) / 3));
      return new EtcdRegistration(link, { prefix, instance, services, leaseS }, logger);
    },
  };
}

/**
 * Resolution from etcd: one watch for all services of the mesh, begun when the first is asked for. Throws
 * what is wrong with `url` or `access`.
 */
export function etcdResolver(url: string, options: EtcdOptions): Directory {
  const { logger, access = {}, graceMs = 20_000, cacheDir } = options;
  const address = parseEtcdUrl(url);
  checkAccess(address, access);
  const { prefix } = address;
  const link = () => new EtcdLink(address, access, timeoutMs);
  // The prefix names the mesh; its etcd may have moved to other hosts since.
  return new EtcdDirectory(link, prefix, {
    logger,
    graceMs,
    cache: cacheDir && { folder: cacheDir, source: prefix },
  });
}
