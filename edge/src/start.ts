import { configure, loadConfig } from '@weft/chassis/config';
import { onShutdown, openPort, StartError, startOrExit } from '@weft/chassis/lifecycle';
import { loadContract } from '@weft/chassis/load-contract';
import { createLogger } from '@weft/chassis/logger';
import { openMeshProcess } from '@weft/chassis/mesh-process';
import { startTelemetry } from '@weft/chassis/telemetry';
import { readFileSync } from 'node:fs';
import { edgeSchema } from './config.ts';
import { createEdge } from './edge.ts';
import { buildRoutes, describeRoute, RouteError } from './routing/routes.ts';

const name = 'edge';
/** So long may requests in flight take once the edge drains. */
const drainMs = 15_000;

/** Runs the edge from its environment until SIGTERM or SIGINT. What is missing is named, and it exits non-zero. */
export async function runEdge(): Promise<void> {
  const config = configure(edgeSchema);
  const logger = createLogger({ name, level: config.logLevel });
  await startOrExit(logger, async () => {
    const telemetry = startTelemetry(name, config.instanceId, config, logger);
    const member = await openMeshProcess(config, logger, telemetry);
    const { contract, mesh, admin } = member;
    const edge = named(() =>
      createEdge({ ...config, limits: config, contract, mesh, logger, tokens: member.tokenVerifier() }),
    );
    const services = [...new Set(edge.schema.routes.list.map((route) => route.method.service))];
    mesh.prepare(services);
    for (const service of services)
      admin.addDependency({
        name: service,
        // The others are served without it.
        required: false,
        state: async () => ({ ok: mesh.instances(service).some((instance) => instance.ready) }),
      });
    const port = await openPort('HTTP_PORT', config.httpPort, () =>
      edge.listen(config.httpHost, config.httpPort),
    );
    admin.setPhase('serving');
    logger.info({ port, admin: admin.port, routes: edge.schema.routes.list.length }, 'serving');
    onShutdown(logger, async () => {
      admin.setPhase('draining');
      await edge.drain(drainMs, config.drainDelayMs);
      await member.close();
    });
  });
}

/** Prints every route with its method, one a line. It needs the descriptors alone, no other variable. */
export function printRoutes(): void {
  const { descriptors } = loadConfig({ descriptors: edgeSchema.descriptors });
  try {
    const { list, skipped } = buildRoutes(loadContract(readFileSync(descriptors)));
    for (const route of list) process.stdout.write(`${describeRoute(route)}\n`);
    for (const { path, reason } of skipped) process.stderr.write(`not served: ${path.slice(1)}: ${reason}\n`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

function named<T>(build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (error instanceof RouteError) throw new StartError(error.message, { cause: error });
    throw error;
  }
}
