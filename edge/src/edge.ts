import { createFileRegistry, createRegistry, fromBinary, type Registry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Mesh } from '@weft/chassis/client/mesh';
import type { Contract } from '@weft/chassis/contract';
import type { Logger } from '@weft/chassis/logger';
import type { TokenVerifier } from '@weft/chassis/server/tokens';
import { createHandler, domain, lateFailure } from './handler.ts';
import { ErrorPrinter } from './http/error-body.ts';
import { createHttpServer } from './http/server.ts';
import type { Limits } from './limits.ts';
import { buildRoutes, type Routes } from './routing/routes.ts';
import { Transcoder } from './transcoder.ts';

export interface EdgeOptions {
  readonly contract: Contract;
  readonly mesh: Mesh;
  /** Without one no user is ever known: only public methods can be called. */
  readonly tokens: TokenVerifier | undefined;
  readonly logger: Logger;
  readonly limits: Limits;
  readonly unknownQuery: 'ignore' | 'refuse';
  readonly unknownFields: 'ignore' | 'refuse';
  readonly emitDefaults: boolean;
}

export interface Edge {
  readonly routes: Routes;
  /** Opens the port, 0 for any; answers which. Rejects when it cannot be had. */
  listen(host: string, port: number): Promise<number>;
  /**
   * Ends streams with UNAVAILABLE; serves other requests for `delayMs` (default 0), then finishes those in
   * flight, for at most `graceMs`.
   */
  drain(graceMs: number, delayMs?: number): Promise<void>;
}

/** An edge over a contract and a mesh. Throws a RouteError for routes that cannot be served as written. */
export function createEdge(options: EdgeOptions): Edge {
  const { contract, mesh, tokens, logger, limits } = options;
  const routes = buildRoutes(contract);
  for (const { path, reason } of routes.skipped)
    logger.info({ rpc: path.slice(1), reason }, 'not served over REST');
  const errors = new ErrorPrinter(withDetailTypes(contract));
  const draining = new AbortController();
  const common = { routes, tokens, errors, limits, logger, draining: draining.signal };
  const transcoder = new Transcoder({
    contract,
    mesh,
    limits,
    unknownParameters: options.unknownQuery,
    unknownFields: options.unknownFields,
    emitDefaults: options.emitDefaults,
    failed: (exchange, error) => lateFailure(exchange, error, common),
  });
  const handler = createHandler({ ...common, transcoder });
  const server = createHttpServer(
    (request, response) => handler.handle(request, response),
    limits,
    errors,
    domain,
  );
  return {
    routes,
    listen: (host, port) => server.listen(host, port),
    drain(graceMs, delayMs = 0) {
      draining.abort();
      return server.drain(graceMs, delayMs);
    },
  };
}

/** Where the types of details are: an upstream may send those of google.rpc though its contract lacks them. */
function withDetailTypes({ registry }: Contract): Registry {
  if (registry.getMessage('google.rpc.BadRequest') !== undefined) return registry;
  const file = createRequire(import.meta.url).resolve('@weft/proto/descriptors.binpb');
  return createRegistry(
    registry,
    createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file))),
  );
}
