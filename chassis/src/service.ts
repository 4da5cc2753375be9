import { isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Dependency } from './admin-server.ts';
import type { Mesh } from './client/mesh.ts';
import { configure, type ConfigOf, type Schema } from './config.ts';
import type { Contract } from './contract.ts';
import type { Database } from './data/database.ts';
import type { Migration } from './data/migrations.ts';
import { isAddress } from './discovery/instance-codec.ts';
import type { Registration } from './discovery/registry.ts';
import { injectFaults } from './faults/inject.ts';
import { openFaults } from './faults/open-faults.ts';
import { onShutdown, openPort, StartError, startOrExit } from './lifecycle.ts';
import { createLogger, type Logger } from './logger.ts';
import { openMeshProcess, type MeshProcess } from './mesh-process.ts';
import { defaultRetentionDays } from './saga/retention.ts';
import { createSaga, type Saga } from './saga/saga.ts';
import type { Implementation } from './server/implement.ts';
import { createServer, type GrpcServer } from './server/server.ts';
import type { TokenVerifier } from './server/tokens.ts';
import type { TokenSources } from './user-tokens.ts';
import { databaseSchema, serviceSchema } from './service-config.ts';
import { databaseState, readyDatabase, type DataOptions } from './service-database.ts';
import { startTelemetry } from './telemetry.ts';

/** What every service is built from. */
export interface Parts<S extends Schema> {
  /** The service's own variables, read with the chassis's own. */
  readonly config: ConfigOf<S>;
  readonly contract: Contract;
  readonly mesh: Mesh;
  readonly logger: Logger;
  readonly instanceId: string;
}

/** What a service that keeps data is built from as well. */
export interface DataParts<DB, S extends Schema> extends Parts<S> {
  readonly database: Database<DB>;
  /** Its relay and sweeper are started and stopped by runService. */
  readonly saga: Saga<DB>;
}

/** Work beside the calls: started once the service is served, stopped before it closes. */
export interface Background {
  start(): void;
  stop(): Promise<void>;
}

/** A service, built. */
export interface Built {
  readonly services: readonly Implementation[];
  /**
   * What user tokens are verified with. Only the service that issues them sets this; others use TOKEN_KEYS and
   * TOKEN_REVOCATIONS.
   */
  readonly tokens?: TokenSources;
  readonly background?: readonly Background[];
  /** What /readyz tells of, beside the database and the registry. */
  readonly dependencies?: readonly Dependency[];
}

interface Common<S extends Schema> {
  /** The workload: the name in its certificate and in `weft.v1.served_by`. */
  readonly name: string;
  /** The service's own variables, beside those of the chassis. */
  readonly config?: S;
}

/** A service with a database of its own. */
export interface DataServiceOptions<DB, S extends Schema> extends Common<S> {
  /** By name, in the order of their names; `migrate` adds those of the chassis. */
  readonly migrations: Readonly<Record<string, Migration>>;
  build(parts: DataParts<DB, S>): Built | Promise<Built>;
}

/** A service without one. */
export interface PlainServiceOptions<S extends Schema> extends Common<S> {
  readonly migrations?: undefined;
  build(parts: Parts<S>): Built | Promise<Built>;
}

/** After leaving the registry: so long until its clients have heard. */
const hearMs = 150;
/** So long may calls in flight take once the service drains. */
const drainMs = 12_000;
const stopMs = 5_000;
/** A new instance waits so long for what tokens are verified with, then serves those who need no user. */
const tokensMs = 5_000;

/**
 * Runs a service from its environment until SIGTERM or SIGINT, then drains and exits. Resolves once
 * it serves and registers. Whatever is missing at start (a variable, the database, a free port) is
 * named on stderr and the process exits non-zero within seconds; an absent registry is only waited for.
 */
export async function runService<DB, S extends Schema = Record<never, never>>(
  options: DataServiceOptions<DB, S>,
): Promise<void>;
export async function runService<S extends Schema = Record<never, never>>(
  options: PlainServiceOptions<S>,
): Promise<void>;
export async function runService<DB, S extends Schema>(
  options: DataServiceOptions<DB, S> | PlainServiceOptions<S>,
): Promise<void> {
  const own = (options.config ?? {}) as S;
  if (options.migrations === undefined) {
    const config = configure({ ...serviceSchema, ...own }) as ServiceConfig & ConfigOf<S>;
    await start(options.name, config, undefined, (parts) => options.build({ ...parts, config }));
    return;
  }
  const config = configure({ ...databaseSchema, ...serviceSchema, ...own }) as DataConfig & ConfigOf<S>;
  const { migrations } = options;
  await start<DB>(options.name, config, { ...config, migrations }, (parts, data) =>
    options.build({ ...parts, ...data(), config }),
  );
}

type ServiceConfig = ConfigOf<typeof serviceSchema>;
type DataConfig = ServiceConfig & ConfigOf<typeof databaseSchema>;
type CommonParts = Omit<Parts<Schema>, 'config'>;

interface Data<DB> {
  readonly database: Database<DB>;
  readonly saga: Saga<DB>;
}

async function start<DB>(
  name: string,
  config: ServiceConfig,
  dataOptions: DataOptions | undefined,
  build: (parts: CommonParts, data: () => Data<DB>) => Built | Promise<Built>,
): Promise<void> {
  const logger = createLogger({ name, level: config.logLevel });
  const { instanceId, trustDomain } = config;
  await startOrExit(logger, async () => {
    const telemetry = startTelemetry(name, instanceId, config, logger);
    const database = dataOptions && (await readyDatabase<DB>(dataOptions, logger));
    const member = await openMeshProcess(config, logger, telemetry, name);
    const { contract, mesh, admin, tls } = member;
    const common = { contract, mesh, logger, instanceId };
    const saga =
      database &&
      createSaga<DB>({
        ...common,
        workload: name,
        database,
        retentionDays: dataOptions?.sagaRetentionDays ?? defaultRetentionDays,
      });
    if (database !== undefined) admin.addDependency(databaseState(database));

    const built = await build(common, () => {
      if (database === undefined || saga === undefined)
        throw new Error('a service without migrations has no data');
      return { database, saga };
    });
    const { services, background = [], dependencies = [] } = built;
    for (const one of dependencies) admin.addDependency(one);
    const tokens = member.userTokens(built.tokens);
    requireTokens(contract, services, tokens);
    const faults = openFaults(config, name, logger);
    if (faults !== undefined) admin.addDependency(faults.dependency);

    const server = createServer({
      workload: name,
      contract,
      // Like health and reflection, operations are of this process and in no registry.
      services: saga === undefined ? services : [...services, saga.operations],
      tls,
      trustDomain,
      tokens,
      logger,
      maxConcurrentCalls: config.maxConcurrentCalls,
      maxConcurrentStreams: config.maxConcurrentStreams,
      compressAboveBytes: config.compressAboveBytes,
      faults: faults && injectFaults(faults),
    });
    const port = await openPort('GRPC_PORT', config.grpcPort, () =>
      server.listen(config.grpcHost, config.grpcPort),
    );
    saga?.run();
    for (const one of background) one.start();
    await tokens?.ready(tokensMs);
    server.setServing(true);
    admin.setPhase('serving');
    const address = advertised(config, port, member);
    const registration = register(member, config, address, services);
    if (registration !== undefined) admin.addDependency(registrationState(registration));
    logger.info({ address, admin: admin.port, services: services.map((one) => one.service) }, 'serving');
    onShutdown(logger, () => stop({ member, server, registration, saga, background, database, faults }));
  });
}

/** For information: while it is away its callers use the instances they know. */
function registrationState(registration: Registration): Dependency {
  return {
    name: 'registration',
    required: false,
    state: async () => {
      const { registered, detail } = registration.status();
      return { ok: registered, ...(detail === '' ? {} : { detail }) };
    },
  };
}

/** A service with methods for users that could never know one would refuse them all. */
function requireTokens(
  contract: Contract,
  services: readonly Implementation[],
  tokens: TokenVerifier | undefined,
): void {
  const rules = services.flatMap(({ methods }) =>
    methods.map((one) => contract.methods.get(one.definition.path)),
  );
  const needs = rules.find((rule) => rule?.access.kind === 'user' || rule?.access.kind === 'roles');
  if (tokens === undefined && needs !== undefined)
    throw new StartError(
      `TOKEN_ISSUER, TOKEN_AUDIENCE and TOKEN_KEYS are not set, and ${needs.path} needs a user`,
    );
}

/** Where others reach this process. Every interface at once is no place, and would be found by nobody. */
function advertised(
  { advertiseHost, grpcHost }: ServiceConfig,
  port: number,
  { discovery }: MeshProcess,
): string {
  const host = advertiseHost ?? grpcHost;
  const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  if (discovery.registry === undefined) return address;
  if (!isAddress(address)) throw new StartError(`ADVERTISE_HOST is no host (${host})`);
  if (/^(0\.0\.0\.0|\[[0:]+\]):/.test(address))
    throw new StartError(`ADVERTISE_HOST is not set, and GRPC_HOST (${host}) is no address to register`);
  return address;
}

function register(
  { discovery }: MeshProcess,
  { instanceId: id, zone }: ServiceConfig,
  address: string,
  services: readonly Implementation[],
): Registration | undefined {
  const version = process.env['npm_package_version'] ?? '';
  const instance = { id, address, zone, weight: 1, version, startedAt: new Date().toISOString() };
  const names = services.map((one) => one.service);
  try {
    return discovery.registry?.register(instance, names);
  } catch (error) {
    throw new StartError('INSTANCE_ID cannot be registered', { cause: error });
  }
}

interface Running {
  readonly member: MeshProcess;
  readonly server: GrpcServer;
  readonly registration: Registration | undefined;
  readonly saga: { stop(timeoutMs?: number): Promise<void> } | undefined;
  readonly background: readonly Background[];
  readonly database: { close(): Promise<void> } | undefined;
  readonly faults: { close(): void } | undefined;
}

/** Leaves the registry first, serves what is still coming, and closes what the calls needed last. */
async function stop({
  member,
  server,
  registration,
  saga,
  background,
  database,
  faults,
}: Running): Promise<void> {
  member.admin.setPhase('draining');
  server.setServing(false);
  await registration?.deregister();
  await delay(hearMs);
  await server.drain(drainMs);
  faults?.close();
  await Promise.allSettled([saga?.stop(stopMs), ...background.map((one) => one.stop())]);
  await member.close();
  await database?.close();
}
