import type { Contract } from '@weft/chassis/contract';
import { dnsResolver } from '@weft/chassis/discovery/dns';
import { isAddress } from '@weft/chassis/discovery/instance-codec';
import { instanceAt } from '@weft/chassis/discovery/listed';
import type { Resolver } from '@weft/chassis/discovery/registry';
import type { Logger } from '@weft/chassis/logger';

/** Where instances of a service are: listed, or behind a name in DNS. */
export type UpstreamTarget =
  | { readonly kind: 'static'; readonly addresses: readonly string[] }
  /** `host:port`, or `//server[:port]/host:port`. */
  | { readonly kind: 'dns'; readonly name: string };

/** Where the calls of a gRPC service go, or those of all that have no upstream of their own (`*`). */
export interface Upstream {
  readonly service: string;
  readonly target: UpstreamTarget;
}

/** Reads `static:host:port[|host:port]` or `dns:host:port`. Throws what is wrong with it. */
export function parseTarget(text: string): UpstreamTarget {
  const [, scheme, rest = ''] = /^(static|dns):(.+)$/.exec(text) ?? [];
  if (scheme === 'dns' && isAddress(rest.replace(/^\/\/[^/]+\//, ''))) return { kind: 'dns', name: rest };
  const addresses = rest.split('|');
  if (scheme === 'static' && addresses.every(isAddress)) return { kind: 'static', addresses };
  throw new Error(`has ${text}, which is neither static:host:port[|host:port] nor dns:host:port`);
}

/** Reads `<service>=<target>`, or a target alone, which is for every service. Throws what is wrong with it. */
export function parseUpstream(text: string): Upstream {
  const equals = text.indexOf('=');
  if (equals === -1) return { service: '*', target: parseTarget(text) };
  const service = text.slice(0, equals).trim();
  if (!/^(\*|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)$/.test(service))
    throw new Error(`has ${text}, which does not begin with a gRPC service or *`);
  return { service, target: parseTarget(text.slice(equals + 1).trim()) };
}

/** Instances of one target, whatever service they are asked for. */
export function targetResolver(target: UpstreamTarget, contract: Contract, logger: Logger): Resolver {
  if (target.kind === 'dns') return dnsResolver(target.name, contract, logger);
  return {
    watch(_, listener) {
      listener(target.addresses.map(instanceAt));
      return () => undefined;
    },
    status: () => ({ connected: true, detail: '' }),
    close: async () => undefined,
  };
}

/** Which resolver knows the instances of a service; `*` those of all others. */
export type UpstreamTable = Map<string, Resolver>;

/** A resolver per upstream. Throws when two are for the same service. */
export function upstreamTable(
  upstreams: readonly Upstream[],
  contract: Contract,
  logger: Logger,
): UpstreamTable {
  const table: UpstreamTable = new Map();
  for (const { service, target } of upstreams) {
    if (table.has(service))
      throw new Error(`${service === '*' ? 'all services have' : `${service} has`} two upstreams`);
    table.set(service, targetResolver(target, contract, logger));
  }
  return table;
}

/** Asks for each service the resolver that the table has for it when it is watched. */
export function tableResolver(table: UpstreamTable): Resolver {
  const resolvers = () => [...new Set(table.values())];
  return {
    watch: (service, listener) => upstreamOf(table, service)?.watch(service, listener) ?? (() => undefined),
    status() {
      const states = resolvers().map((resolver) => resolver.status());
      const detail = states.map((state) => state.detail).filter((text) => text !== '');
      return { connected: states.every(({ connected }) => connected), detail: detail.join('; ') };
    },
    async close() {
      await Promise.all(resolvers().map((resolver) => resolver.close()));
    },
  };
}

export function upstreamOf(table: UpstreamTable, service: string): Resolver | undefined {
  return table.get(service) ?? table.get('*');
}
