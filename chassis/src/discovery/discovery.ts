import type { Contract } from '../contract.ts';
import { dnsResolver } from './dns.ts';
import { etcdRegistry, etcdResolver, type EtcdOptions } from './etcd/etcd.ts';
import { followedList } from './followed-list.ts';
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
 * Opens what REGISTRY names: `etcd://host:port[,host:port][/prefix]`, `etcds://…` for TLS, `static:<list or
 * file>` (a file is followed) or `dns:host:port` (see dns.ts). Connects to nothing yet. Throws when it is none
 * of these, with what is wrong, in words that begin after its name and end with it, but for a password in it.
 */
export function openDiscovery(url: string, contract: Contract, options: EtcdOptions): Discovery {
  try {
    return open(url, contract, options);
  } catch (error) {
    const shown = url.replace(/\/\/.*@/, '//***@');
    throw new Error(`${(error as Error).message} (${shown})`, { cause: error });
  }
}

function open(url: string, contract: Contract, options: EtcdOptions): Discovery {
  const [scheme = ''] = url.split(':', 1);
  const rest = url.slice(scheme.length + 1);
  switch (scheme) {
    case 'etcd':
    case 'etcds': {
      const directory = etcdResolver(url, options);
      return { resolver: directory, directory, registry: etcdRegistry(url, options) };
    }
    case 'static': {
      const resolver = rest.includes('=')
        ? staticResolver(parseAddressList(rest), contract)
        : followedList(rest, contract, options.logger);
      return { ...unregistered, resolver };
    }
    case 'dns':
      return { ...unregistered, resolver: dnsResolver(rest, contract, options.logger) };
    default:
      throw new Error('is none of etcd://…, etcds://…, static:… and dns:…');
  }
}

const unregistered = { registry: undefined, directory: undefined };
