import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Mesh } from '@weft/chassis/client/mesh';
import type { Contract } from '@weft/chassis/contract';
import { createLogger, type Logger } from '@weft/chassis/logger';
import type { TokenVerifier } from '@weft/chassis/server/tokens';
import { createFailures } from './failures.ts';
import { createHandler } from './handler.ts';
import { clientAddress, trustedProxies } from './http/client-address.ts';
import { createCors } from './http/cors.ts';
import { createRateLimits, type RateLimitOptions } from './http/rate-limits.ts';
import { createHttpServer } from './http/server.ts';
import type { TlsFiles } from './http/tls-files.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { Rest } from './rest/rest.ts';
import { createRpcSelect } from './rpc/rpc.ts';
import { emptyContract } from './schema-source/contract.ts';
import { buildSchema, type Schema } from './schema.ts';

/** How an edge serves, whatever it is in front of. */
export interface ServingOptions extends RateLimitOptions {
  /**
   * Verifies the tokens of users. Without one no user is ever known: only public methods can be called, or
   * all of them where the contract has no access rule at all.
   */
  readonly tokens?: TokenVerifier | undefined;
  /** Default: warnings and errors as JSON lines on stdout. */
  readonly logger?: Logger;
  /** Those that are not given keep their defaults (limits.ts). */
  readonly limits?: Partial<Limits>;
  /** Query parameters that are no field: refused, by default, or ignored. */
  readonly unknownQuery?: 'ignore' | 'refuse';
  /** Members of a JSON body that are no field: ignored, by default, or refused. */
  readonly unknownFields?: 'ignore' | 'refuse';
  /** Whether fields without presence are printed also when they are zero or empty. Default true. */
  readonly emitDefaults?: boolean;
  /** Whether `/openapi.json` and `/docs` are served. Default true. */
  readonly pages?: boolean;
  /** Names of headers and metadata, in lower case, that pass in neither direction. Default none. */
  readonly stripHeaders?: readonly string[];
  /** Origins whose pages may call, as `https://app.example.com`; `*` for all. Default none. */
  readonly corsOrigins?: readonly string[];
  /** Addresses and networks of proxies whose `X-Forwarded-For` says who the client is. Default none. */
  readonly trustedProxies?: readonly string[];
  /** What the port shows to clients; without it the port is cleartext. Not for `handle`. */
  readonly tls?: TlsFiles | undefined;
}

export interface EdgeOptions extends ServingOptions {
  /** What is served. Without one, requests are answered UNAVAILABLE until `use` brings it. */
  readonly contract?: Contract;
  /** Carries the calls. Closed by who made it. */
  readonly mesh: Mesh;
}

export interface Edge {
  /** What is served now; nothing at all before it is known. */
  readonly schema: Schema;
  /** Serves another contract from the next request on. Throws a RouteError, and goes on with the old one. */
  use(contract: Contract): void;
  /** Answers one request of node:http, whatever server it came from; never throws. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Opens the port, 0 for any; answers which. Rejects when it cannot be had. */
  listen(host: string, port: number): Promise<number>;
  /**
   * Ends streams with UNAVAILABLE; serves other requests for `delayMs` (default 0), then finishes those in
   * flight, for at most `graceMs`.
   */
  drain(graceMs: number, delayMs?: number): Promise<void>;
}

/**
 * An edge over a contract and a mesh (`createMesh`); `openEdge` makes these too. Throws a RouteError for routes that cannot be served as written, and
 * what is wrong with rates and proxies.
 */
export function createEdge(options: EdgeOptions): Edge {
  const { tokens, contract } = options;
  const logger = options.logger ?? createLogger({ name: 'edge', level: 'warn' });
  const limits = { ...defaultLimits, ...options.limits };
  const { unknownQuery = 'refuse', unknownFields = 'ignore', emitDefaults = true, pages = true } = options;
  const settled = { ...options, logger, limits, unknownQuery, unknownFields, emitDefaults, pages };
  const schemaOptions = { ...settled, knowsUsers: tokens !== undefined };
  const draining = new AbortController();
  const failures = createFailures(logger, draining.signal);
  const announce = announcer(logger);
  const proxies = trustedProxies(options.trustedProxies ?? []);
  const rates = createRateLimits(options, (request) => clientAddress(request, proxies));
  const build = (next: Contract): Schema => {
    const built = announce(buildSchema(next, schemaOptions));
    for (const route of rates?.withoutTarget(built) ?? [])
      logger.warn({ route }, 'a rate limit is for a route or an RPC that is not served');
    return built;
  };
  let schema = contract === undefined ? buildSchema(emptyContract(), schemaOptions) : build(contract);
  let known = contract !== undefined;
  const rest = new Rest({ ...settled, failures });
  const rpc = createRpcSelect({ ...settled, failures, draining: draining.signal, rest });
  const handle = createHandler({
    schema: () => schema,
    known: () => known,
    select: (exchange) => rpc(exchange) ?? rest,
    rest,
    tokens,
    limits,
    rates,
    pass: { stripped: new Set(options.stripHeaders), maxTimeoutMs: limits.maxTimeoutMs },
    cors: createCors(options.corsOrigins ?? []),
    failures,
    draining: draining.signal,
  });
  const server = createHttpServer({ ...settled, handle, errors: () => schema.errors });
  return {
    get schema() {
      return schema;
    },
    use(next) {
      schema = build(next);
      known = true;
    },
    handle,
    listen: (host, port) => server.listen(host, port),
    drain(graceMs, delayMs = 0) {
      draining.abort();
      return server.drain(graceMs, delayMs);
    },
  };
}

/** Tells of each schema what may surprise, and once only. */
function announcer(logger: Logger): (schema: Schema) => Schema {
  let told = new Set<string>();
  let open = false;
  return (schema) => {
    const { skipped } = schema.routes;
    for (const { path, reason } of skipped)
      if (!told.has(path)) logger.info({ rpc: path.slice(1), reason }, 'not served over REST');
    if (schema.open && !open)
      logger.warn('the contract has no access rules: every method is open to everyone');
    told = new Set(skipped.map(({ path }) => path));
    open = schema.open;
    return schema;
  };
}
