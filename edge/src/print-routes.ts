import { createLogger } from '@weft/chassis/logger';
import { registryAccess } from '@weft/chassis/service-config';
import type { EdgeConfig } from './config.ts';
import { openEdge } from './open-edge.ts';
import { describeRoute } from './routing/routes.ts';
import { buildSchema, type Schema } from './schema.ts';
import { readDescriptorSets } from './schema-source/descriptor-sets.ts';
import { readSecurity } from './security.ts';

/** How long a schema may take that is learned. */
const learnMs = 5_000;

/**
 * Prints every route with its RPC, then the RPCs that have no route, one a line in the order of the
 * descriptors; on stderr what is not served, and why. Answers the exit code: 1 where there is no schema.
 */
export async function printRoutes(config: EdgeConfig): Promise<number> {
  try {
    const { schema, missing } = await schemaOf(config);
    for (const route of schema.routes.list) process.stdout.write(`${describeRoute(route)}\n`);
    const routed = new Set(schema.routes.list.map((route) => route.method));
    for (const method of schema.rpcs.values())
      if (!routed.has(method)) process.stdout.write(`RPC ${method.path.slice(1)}\n`);
    for (const { path, reason } of schema.routes.skipped)
      process.stderr.write(`not served: ${path.slice(1)}: ${reason}\n`);
    if (missing !== '') process.stderr.write(`${missing}\n`);
    return schema.rpcs.size === 0 && missing !== '' ? 1 : 0;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
}

async function schemaOf(config: EdgeConfig): Promise<{ schema: Schema; missing: string }> {
  const logger = createLogger({ name: 'edge', level: 'silent' });
  const { descriptors, emitDefaults } = config;
  if (descriptors.length > 0) {
    const contract = readDescriptorSets(descriptors, logger);
    const knowsUsers = config.tokenIssuer !== undefined;
    return {
      schema: buildSchema(contract, { emitDefaults, pages: false, limits: config, knowsUsers }),
      missing: '',
    };
  }
  // Verifies nothing, but says that users are told apart.
  const tokens = config.tokenIssuer === undefined ? undefined : { verify: () => Promise.reject(new Error()) };
  const security = readSecurity(config, logger);
  const edge = await openEdge({
    ...config,
    limits: config,
    registryAccess: registryAccess(config),
    logger,
    tokens,
    security,
  });
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, learnMs);
  await Promise.race([edge.settled, timeout.promise]);
  clearTimeout(timer);
  const missing = edge.status().detail;
  await edge.close();
  return { schema: edge.schema, missing };
}
