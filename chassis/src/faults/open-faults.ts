import type { ConfigOf } from '../config.ts';
import { StartError } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import type { registrySchema } from '../service-config.ts';
import { watchFaults, type FaultWatch } from './fault-watch.ts';

export type FaultsConfig = Partial<ConfigOf<typeof registrySchema>> & {
  readonly faults: 'on' | 'off';
  readonly registry: string;
};

/**
 * Follows the faults of a workload where it was started with FAULTS=on; undefined otherwise. Throws a
 * StartError in production, and where REGISTRY is no etcd.
 */
export function openFaults(config: FaultsConfig, workload: string, logger: Logger): FaultWatch | undefined {
  if (config.faults === 'off') return undefined;
  if (process.env['NODE_ENV'] === 'production')
    throw new StartError('FAULTS=on is for development and tests, and NODE_ENV is production');
  if (!/^etcds?:/.test(config.registry)) throw new StartError('FAULTS=on needs etcd as REGISTRY');
  logger.warn('faults on demand are switched on (FAULTS=on)');
  return watchFaults(config.registry, workload, logger, {
    caFile: config.registryCaFile,
    certFile: config.registryCertFile,
    keyFile: config.registryKeyFile,
    user: config.registryUser,
    password: config.registryPassword,
  });
}
