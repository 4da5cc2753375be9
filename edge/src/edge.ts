import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Mesh } from '@weft/chassis/client/mesh';
import type { Contract } from '@weft/chassis/contract';
import type { Logger } from '@weft/chassis/logger';
import type { TokenVerifier } from '@weft/chassis/server/tokens';
import { createFailures } from './failures.ts';
import { createHandler } from './handler.ts';
import { clientAddress, trustedProxies } from './http/client-address.ts';
import { createCors } from './http/cors.ts';
import { createRateLimits, type RateLimitOptions } from './http/rate-limits.ts';
import { createHttpServer } from './http/server.ts';
import type { TlsFiles } from './http/tls-files.ts';
import type { Limits } from './limits.ts';
import { Rest } from './rest/rest.ts';
import { buildSchema, type Schema } from './schema.ts';

export interface EdgeOptions extends RateLimitOptions {
  readonly contract: Contract;
  readonly mesh: Mesh;
  /** Without one no user is ever known: only public methods can be called. */
  readonly tokens: TokenVerifier | undefined;
  readonly logger: Logger;
  readonly limits: Limits;
  readonly unknownQuery: 'ignore' | 'refuse';
  readonly unknownFields: 'ignore' | 'refuse';
  readonly emitDefaults: boolean;
  /** Names of headers and metadata, in lower case, that pass in neither direction. Default none. */
  readonly stripHeaders?: readonly string[];
  /** Origins whose pages may call, as `https://app.example.com`; `*` for all. Default none. */
  readonly corsOrigins?: readonly string[];
  /** Addresses and networks of proxies whose `X-Forwarded-For` says who the client is. Default none. */
  readonly trustedProxies?: readonly string[];
  /** What the port shows to clients; without it the port is cleartext. Not for `handle`. */
  readonly tls?: TlsFiles | undefined;
}

export interface Edge {
  /** What is served now. */
  readonly schema: Schema;
  /** Serves another contract from the next request on. Throws a RouteError, and goes on with the old one. */
  use(contract: Contract): void;
  /** Answers one request of node:http, whatever server it came from; never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Opens the port, 0 for any; answers which. Rejects when it cannot be had. */
  listen(host: string, port: number): Promise<number>;
  /**
   * Ends streams with UNAVAILABLE; serves other requests for `delayMs` (default 0), then finishes those in
   * flight, for at most `graceMs`.
   */
  drain(graceMs: number, delayMs?: number): Promise<void>;
}

/**
 * An edge over a contract and a mesh. Throws a RouteError for routes that cannot be served as written, and
 * what is wrong with rates and proxies.
 */
export function createEdge(options: EdgeOptions): Edge {
  const { mesh, tokens, logger, limits } = options;
  const schemaOptions = { ...options, knowsUsers: tokens !== undefined };
  const draining = new AbortController();
  const failures = createFailures(logger, draining.signal);
  let schema = announced(buildSchema(options.contract, schemaOptions), logger);
  const rest = new Rest({ ...options, mesh, failures });
  const proxies = trustedProxies(options.trustedProxies ?? []);
  const handle = createHandler({
    schema: () => schema,
    select: () => rest,
    rest,
    tokens,
    limits,
    rates: createRateLimits(options, (request) => clientAddress(request, proxies)),
    pass: { stripped: new Set(options.stripHeaders), maxTimeoutMs: limits.maxTimeoutMs },
    cors: createCors(options.corsOrigins ?? []),
    failures,
    draining: draining.signal,
  });
  const server = createHttpServer({ ...options, handle, errors: () => schema.errors });
  return {
    get schema() {
      return schema;
    },
    use(contract) {
      schema = announced(buildSchema(contract, schemaOptions), logger);
    },
    handle,
    listen: (host, port) => server.listen(host, port),
    drain(graceMs, delayMs = 0) {
      draining.abort();
      return server.drain(graceMs, delayMs);
    },
  };
}

function announced(schema: Schema, logger: Logger): Schema {
  for (const { path, reason } of schema.routes.skipped)
    logger.info({ rpc: path.slice(1), reason }, 'not served over REST');
  if (schema.open) logger.warn('the contract has no access rules: every method is open to everyone');
  return schema;
}
