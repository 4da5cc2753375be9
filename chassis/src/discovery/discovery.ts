import type { Contract } from '../contract.ts';
import { etcdRegistry, etcdResolver, type EtcdOptions } from './etcd/etcd.ts';
import { dnsResolver } from './dns.ts';
import { parseAddressList, staticResolver } from './listed.ts';
import type { Directory, Registry, Resolver } from './registry.ts';

/** What REGISTRY names. */
export interface Discovery {
  readonly resolver: Resolver;
  /** Undefined where instances are known without registering: `static:` and `dns:`. */
  readonly registry: Registry | undefined;
  /** The resolver again, where it knows of all services: `etcd:`. */
  readonly directory: Directory | undefined;
}

/**
 * Opens what REGISTRY names: `etcd://host:port[,host:port][/prefix]`, `static:<list or file>` or
 * `dns:host:port` (see dns.ts). Connects to nothing yet. Throws when it is none of these, with what is wrong.
 */
export function openDiscovery(url: string, contract: Contract, options: EtcdOptions): Discovery {
  const [scheme = ''] = url.split(':', 1);
  const rest = url.slice(scheme.length + 1);
  switch (scheme) {
    case 'etcd': {
      const directory = etcdResolver(url, options);
      return { resolver: directory, directory, registry: etcdRegistry(url, options) };
    }
    case 'static':
      return { ...unregistered, resolver: staticResolver(parseAddressList(rest), contract) };
    case 'dns':
      return { ...unregistered, resolver: dnsResolver(rest, contract, options.logger) };
    default:
      throw new Error('is none of etcd://…, static:… and dns:…');
  }
}

const unregistered = { registry: undefined, directory: undefined };
