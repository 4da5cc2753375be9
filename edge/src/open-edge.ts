import type { Connect } from '@weft/chassis/client/connection';
import { http2Connect } from '@weft/chassis/client/http2-connection';
import type { Http2Security } from '@weft/chassis/client/http2-security';
import { createMesh, type Mesh } from '@weft/chassis/client/mesh';
import type { Contract } from '@weft/chassis/contract';
import type { Discovery } from '@weft/chassis/discovery/discovery';
import type { EtcdOptions } from '@weft/chassis/discovery/etcd/etcd';
import { workloadOf } from '@weft/chassis/discovery/listed';
import type { Directory, Resolver } from '@weft/chassis/discovery/registry';
import { StartError } from '@weft/chassis/lifecycle';
import { createLogger, type Logger } from '@weft/chassis/logger';
import type { TokenVerifier } from '@weft/chassis/server/tokens';
import { createEdge, type Edge, type ServingOptions } from './edge.ts';
import { withoutMissing } from './missing-upstreams.ts';
import type { Schema } from './schema.ts';
import { ChangingContract } from './schema-source/contract.ts';
import { readDescriptorSets } from './schema-source/descriptor-sets.ts';
import { reflectDirectory, reflectUpstreams, type SchemaSource } from './schema-source/schema-source.ts';
import {
  parseTarget,
  parseUpstream,
  tableResolver,
  targetResolver,
  upstreamOf,
  upstreamTable,
  type UpstreamTable,
} from './upstreams.ts';

/** Where the schema and the upstreams are. At least one of `descriptors`, `reflect` and `registry`. */
export interface OpenEdgeOptions extends Omit<ServingOptions, 'tokens'> {
  /** The schema: descriptor sets, each the name of a file or its content (google.protobuf.FileDescriptorSet). */
  readonly descriptors?: readonly (string | Uint8Array)[];
  /**
   * Upstreams to learn the schema from by gRPC reflection, as `static:127.0.0.1:9000`; calls of the services
   * that one lists go to it. Asked again when it was away, and every `reflectEveryMs`.
   */
  readonly reflect?: readonly string[];
  /** Default 30,000 ms. */
  readonly reflectEveryMs?: number;
  /**
   * Where instances are registered: `etcd://host:port`. Without `descriptors` the schema is learned from them:
   * a service that is registered gets its routes at once. Or `static:` and `dns:` as a service's REGISTRY.
   */
  readonly registry?: string | undefined;
  /** What a registry with TLS (`etcds://…`) is shown. */
  readonly registryAccess?: EtcdOptions['access'];
  /** Where calls go: `acme.v1.Library=static:127.0.0.1:9000|127.0.0.1:9001`, without a service those of all. */
  readonly upstreams?: readonly string[];
  /** Of connections to upstreams. Default: plaintext HTTP/2. */
  readonly security?: Http2Security;
  /** Where the edge runs: instances that are registered in the same zone are called first. Default: all alike. */
  readonly zone?: string | undefined;
  /** Keeps what the registry said for the next start, in this folder. */
  readonly cacheDir?: string | undefined;
  /** A verifier of users' tokens, or what makes one with the keys that a service of the mesh has. */
  readonly tokens?: TokenVerifier | ((mesh: Mesh) => TokenVerifier | undefined) | undefined;
  /** Called with each schema that is served from now on, the first among them. */
  readonly onSchema?: (schema: Schema) => void;
}

export interface OpenedEdge extends Edge {
  readonly mesh: Mesh;
  /** Whether there is a schema yet, and what of it could not be learned. */
  status(): { readonly ok: boolean; readonly detail: string };
  /** Who knows where upstreams are. */
  readonly resolver: Resolver;
  /** Resolves once everybody who is known was asked for a schema at least once; at once for descriptors. */
  readonly settled: Promise<void>;
  /** Closes connections and watches. Drain first. */
  close(): Promise<void>;
}

/**
 * An edge with all that is behind it: schema, upstreams and connections, as the process has it from its flags.
 * Rejects with a StartError that says what cannot be served. A schema that is learned may come later, or never:
 * until then requests are answered UNAVAILABLE.
 */
export async function openEdge(options: OpenEdgeOptions): Promise<OpenedEdge> {
  const { descriptors = [], reflect = [], onSchema } = options;
  const logger = options.logger ?? createLogger({ name: 'edge', level: 'warn' });
  const contract = new ChangingContract();
  const given = descriptors.length === 0 ? undefined : readDescriptorSets(descriptors, logger);
  const connect = orFault(() => http2Connect(options.security ?? { kind: 'plaintext' }));
  const discovery = await openRegistry(options, contract, logger);
  const table = orFault(() => openUpstreams(options, contract, discovery?.resolver, logger));
  if (given !== undefined) checkServices(table, given);
  const resolver = tableResolver(table);
  const mesh = createMesh({ contract, resolver, connect, logger, zone: options.zone });
  const hasUpstream = (service: string) => upstreamOf(table, service) !== undefined;
  const tokens = typeof options.tokens === 'function' ? options.tokens(mesh) : options.tokens;
  const checked = withoutMissing(mesh, contract, hasUpstream);
  const edge = orFault(() => createEdge({ ...options, tokens, logger, mesh: checked }));
  let served = false;
  const told = new Set<string>();

  const serve = (next: Contract): void => {
    edge.use(next);
    contract.current = next;
    served = true;
    const services = servicesForClients(edge.schema);
    mesh.prepare(services.filter(hasUpstream));
    const missing = services.filter((service) => !hasUpstream(service) && !told.has(service));
    for (const service of missing) told.add(service);
    if (missing.length > 0)
      logger.warn({ services: missing }, 'no upstream is known for these services: calls of them fail');
    onSchema?.(edge.schema);
  };
  const source = orFault(() => {
    const learning = { connect, logger, serve };
    if (given !== undefined) return fixed(() => serve(given));
    const { reflectEveryMs = 30_000 } = options;
    if (reflect.length > 0) return reflectInto(table, reflect, reflectEveryMs, contract, learning);
    const workload = (service: string) => workloadOf(contract, service);
    return reflectDirectory(directoryOf(discovery), workload, learning);
  });
  return {
    ...edge,
    get schema() {
      return edge.schema;
    },
    mesh,
    resolver,
    status: () => ({
      ok: served,
      detail: source.detail() || (served ? '' : 'no schema is known yet'),
    }),
    settled: source.settled,
    async close() {
      await source.close();
      await mesh.close();
      await resolver.close();
    },
  };
}

/** The services that have a method which clients may call. */
export function servicesForClients({ rpcs }: Schema): string[] {
  return [...new Set([...rpcs.values()].map((method) => method.service))];
}

async function openRegistry(
  { registry, registryAccess: access, cacheDir }: OpenEdgeOptions,
  contract: Contract,
  logger: Logger,
): Promise<Discovery | undefined> {
  if (registry === undefined) return undefined;
  // Its client of etcd is 19 MB, for those alone who have one.
  const { openDiscovery } = await import('@weft/chassis/discovery/discovery');
  try {
    return openDiscovery(registry, contract, { logger, cacheDir, access });
  } catch (error) {
    throw new StartError(`REGISTRY ${(error as Error).message}`, { cause: error });
  }
}

function openUpstreams(
  { upstreams = [], descriptors = [], reflect = [] }: OpenEdgeOptions,
  contract: Contract,
  registry: Resolver | undefined,
  logger: Logger,
): UpstreamTable {
  if (descriptors.length > 0 && upstreams.length === 0 && registry === undefined)
    throw new Error('nothing says where calls go: there are neither upstreams nor a registry');
  if (descriptors.length > 0 && reflect.length > 0)
    throw new Error('descriptors and reflect both give the schema');
  if (reflect.length > 0 && registry !== undefined)
    throw new Error('reflect and registry both say what is served');
  const table = upstreamTable(upstreams.map(parseUpstream), contract, logger);
  if (registry !== undefined && !table.has('*')) table.set('*', registry);
  return table;
}

/** An upstream of a service that does not exist is a slip of the pen, and nobody would notice it. */
function checkServices(table: UpstreamTable, contract: Contract): void {
  const known = [...contract.services.keys()];
  for (const service of table.keys())
    if (service !== '*' && !contract.services.has(service))
      throw new StartError(
        `an upstream is given for ${service}, which the schema does not have (it has ${known.join(', ')})`,
      );
}

/** The services that an upstream lists are called there, unless they have an upstream of their own. */
function reflectInto(
  table: UpstreamTable,
  targets: readonly string[],
  everyMs: number,
  contract: Contract,
  learning: Learning,
): SchemaSource {
  const own = new Set(table.keys());
  const resolvers = new Map(
    targets.map((text) => [text, targetResolver(parseTarget(text), contract, learning.logger)]),
  );
  return reflectUpstreams(resolvers, everyMs, {
    ...learning,
    serve(next, owners) {
      for (const [service, upstream] of owners) {
        const resolver = resolvers.get(upstream);
        if (!own.has(service) && resolver !== undefined) table.set(service, resolver);
      }
      learning.serve(next);
    },
  });
}

interface Learning {
  readonly connect: Connect;
  readonly logger: Logger;
  readonly serve: (contract: Contract) => void;
}

function fixed(serve: () => void): SchemaSource {
  serve();
  return { detail: () => '', settled: Promise.resolve(), close: async () => undefined };
}

function directoryOf(discovery: Discovery | undefined): Directory {
  if (discovery === undefined) throw new Error('nothing says what to serve');
  const { directory } = discovery;
  if (directory === undefined)
    throw new Error('the schema can be learned from etcd:// alone: give descriptors with this registry');
  return directory;
}

/** What is wrong with options and schemas is for whoever starts it, without a stack. */
function orFault<T>(build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError((error as Error).message, { cause: error });
  }
}
