import { startAdminServer, type AdminServer, type Dependency } from '@weft/chassis/admin-server';
import { ConfigError, describeConfig } from '@weft/chassis/config';
import { onShutdown, openPort, startOrExit } from '@weft/chassis/lifecycle';
import { createLogger } from '@weft/chassis/logger';
import { registryState } from '@weft/chassis/process-parts';
import { registryAccess } from '@weft/chassis/service-config';
import { startTelemetry } from '@weft/chassis/telemetry';
import { openUserTokens, type UserTokens } from '@weft/chassis/user-tokens';
import { edgeSchema, type EdgeConfig } from './config.ts';
import { parseCommandLine, readConfig } from './flags.ts';
import { help, version } from './help.ts';
import type { TlsFiles } from './http/tls-files.ts';
import { openEdge, servicesForClients, type OpenedEdge } from './open-edge.ts';
import { printRoutes } from './print-routes.ts';
import { readSecurity } from './security.ts';

const name = 'edge';
/** So long may requests in flight take once the edge drains. */
const drainMs = 15_000;
/** So long does a new edge wait for what tokens are verified with, before it says that it is ready. */
const tokensMs = 5_000;
/** Where the admin port is unless it is said, and unless another process has it. */
const usualAdminPort = 9080;

/** Does what a command line says: prints what it asks for, or serves until SIGTERM or SIGINT. */
export async function run(argv: readonly string[]): Promise<void> {
  const line = parseCommandLine(argv);
  const { commands } = line;
  if (commands.has('help')) return void process.stdout.write(help());
  if (commands.has('version')) return void process.stdout.write(`${version()}\n`);
  const config = configOrExit(line, process.env);
  if (commands.has('print-config')) process.stdout.write(`${describeConfig(edgeSchema, config)}\n`);
  else if (commands.has('print-routes')) process.exitCode = await printRoutes(config);
  else await serve(config);
}

/** Faults are told all at once, and end the process with 78 (EX_CONFIG). */
function configOrExit(...given: Parameters<typeof readConfig>): EdgeConfig {
  try {
    return readConfig(...given);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(78);
  }
}

async function serve(config: EdgeConfig): Promise<void> {
  const logger = createLogger({ name, level: config.logLevel });
  await startOrExit(logger, async () => {
    const telemetry = startTelemetry(name, config.instanceId, config, logger);
    const admin = await openAdmin(config, telemetry.metrics);
    const listed = new Set<string>();
    let tokens: UserTokens | undefined;
    const edge = await openEdge({
      ...config,
      limits: config,
      registryAccess: registryAccess(config),
      tls: clientTls(config),
      logger,
      security: readSecurity(config, logger),
      tokens: (mesh) => (tokens = openUserTokens(config, mesh, logger)),
      onSchema(schema) {
        logger.info({ routes: schema.routes.list.length, rpcs: schema.rpcs.size }, 'schema');
        for (const service of servicesForClients(schema).filter((one) => !listed.has(one))) {
          listed.add(service);
          admin.addDependency(upstreamState(service, () => edge));
        }
      },
    });
    admin.addDependency(schemaState(edge));
    admin.addDependency(registryState(edge.resolver));
    for (const dependency of tokens?.dependencies ?? []) admin.addDependency(dependency);
    const port = await openPort('HTTP_PORT', config.httpPort, () =>
      edge.listen(config.httpHost, config.httpPort),
    );
    await tokens?.ready(tokensMs);
    admin.setPhase('serving');
    logger.info({ port, admin: admin.port, routes: edge.schema.routes.list.length }, 'serving');
    onShutdown(logger, async () => {
      admin.setPhase('draining');
      await edge.drain(drainMs, config.drainDelayMs);
      tokens?.close();
      await edge.close();
      await telemetry.shutdown();
      await admin.close();
    });
  });
}

/** A second edge on the same machine starts as well: nobody should have to think of its admin port. */
async function openAdmin(
  { adminHost: host, adminPort }: EdgeConfig,
  metrics: Parameters<typeof startAdminServer>[0]['metrics'],
): Promise<AdminServer> {
  const open = (port: number) => startAdminServer({ host, port, metrics });
  if (adminPort !== undefined) return openPort('ADMIN_PORT', adminPort, () => open(adminPort));
  try {
    return await open(usualAdminPort);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return openPort('ADMIN_PORT', 0, () => open(0));
  }
}

function clientTls({ httpCertFile: certFile, httpKeyFile: keyFile }: EdgeConfig): TlsFiles | undefined {
  return certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile };
}

/** Without a schema nothing can be served. What of it is missing later is told, and no reason to end. */
function schemaState(edge: OpenedEdge): Dependency {
  return {
    name: 'schema',
    required: true,
    state: async () => {
      const { ok, detail } = edge.status();
      return { ok, ...(detail === '' ? {} : { detail }) };
    },
  };
}

/** The others are served without it. */
function upstreamState(service: string, edge: () => OpenedEdge): Dependency {
  return {
    name: service,
    required: false,
    state: async () => ({
      ok: edge()
        .mesh.instances(service)
        .some((instance) => instance.ready),
    }),
  };
}
