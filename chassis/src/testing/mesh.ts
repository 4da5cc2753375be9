import { readFileSync } from 'node:fs';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import type { User } from '../call-context.ts';
import { http2Connect } from '../client/http2-connection.ts';
import { createMesh, type CallOptions, type Mesh } from '../client/mesh.ts';
import { setPair } from '../client/metadata-pairs.ts';
import { loadConfig, type Schema } from '../config.ts';
import type { Contract } from '../contract.ts';
import { openDatabase, type Database } from '../data/database.ts';
import { migrate } from '../data/migrations.ts';
import { uuidv7 } from '../data/uuid.ts';
import { openDiscovery } from '../discovery/discovery.ts';
import { loadContract } from '../load-contract.ts';
import { createLogger } from '../logger.ts';
import { createSaga } from '../saga/saga.ts';
import { followRevocations } from '../server/revocations.ts';
import type { Implementation } from '../server/implement.ts';
import { createServer } from '../server/server.ts';
import { createTokenVerifier } from '../server/tokens.ts';
import type { Built, DataServiceOptions, Parts, PlainServiceOptions } from '../service.ts';
import { createAuthority } from './certificates.ts';
import { testDatabase, testRegistry } from './fixtures.ts';
import { tlsIdentity } from './tls.ts';

const issuer = 'https://identity.test';
const audience = 'test';
const host = '127.0.0.1';

/** A mesh of services in this process: real gRPC over mutual TLS, a real etcd, real databases. */
export interface TestMesh {
  readonly contract: Contract;
  /** The variables that every service gets, beside those given to `start`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Starts a service and resolves when it is registered. A database of its own unless `databaseUrl` names one. */
  start<DB, S extends Schema>(
    options: DataServiceOptions<DB, S>,
    settings?: TestServiceSettings,
  ): Promise<TestService<DB>>;
  /** Starts a service without a database, such as the stand-in of one that is not under test. */
  startPlain<S extends Schema>(options: PlainServiceOptions<S>): Promise<{ stop(): Promise<void> }>;
  /** The mesh as a workload sees it; with a user, their token goes with each call. */
  as(workload: string, user?: User): Promise<Mesh>;
  /** An access token of a user, as the services here take it. */
  token(user: User, options?: { readonly expiresInS?: number }): Promise<string>;
  /** Stops everything that was started. */
  close(): Promise<void>;
}

/** What a service under test gets beside what every one gets. */
export interface TestServiceSettings {
  /** A database to share with another instance. Default: a new one. */
  readonly databaseUrl?: string;
  /** The service's own variables. Default: none. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A service that runs in this process. */
export interface TestService<DB> {
  readonly database: Database<DB>;
  readonly databaseUrl: string;
  stop(): Promise<void>;
}

/** Services log nothing unless LOG_LEVEL is set. */
export async function startTestMesh(): Promise<TestMesh> {
  const contract = loadContract(readFileSync(new URL(import.meta.resolve('@weft/proto/descriptors.binpb'))));
  const authority = await createAuthority();
  const registryUrl = testRegistry();
  const signing = await generateKeyPair('ES256');
  const keys: JWK[] = [{ ...(await exportJWK(signing.publicKey)), kid: 'test', alg: 'ES256' }];
  const issuers: (() => Promise<{ keys: JWK[] }>)[] = [];
  const meshes = new Map<string, Mesh>();
  const stops: (() => Promise<void>)[] = [];
  const environment = { TOKEN_ISSUER: issuer, TOKEN_AUDIENCE: audience };

  const serve = async <S extends Schema>(
    options: { readonly name: string; readonly config?: S },
    build: (parts: Parts<S>) => Promise<{
      built: Built;
      operations?: Implementation;
      stop?: () => Promise<void>;
    }>,
    settings: TestServiceSettings = {},
  ): Promise<() => Promise<void>> => {
    const { name } = options;
    const logger = createLogger({ name, level: process.env['LOG_LEVEL'] ?? 'silent' });
    const tls = await tlsIdentity(authority, name);
    const discovery = openDiscovery(registryUrl, contract, { logger });
    const mesh = createMesh({
      contract,
      resolver: discovery.resolver,
      connect: http2Connect({ kind: 'mesh', tls }),
      logger,
    });
    const instanceId = uuidv7();
    const config = loadConfig(options.config ?? ({} as S), { ...environment, ...settings.environment });
    const closeMesh = async () => {
      await mesh.close();
      await discovery.resolver.close();
    };
    const { built, operations, stop } = await build({ config, contract, mesh, logger, instanceId }).catch(
      async (error: unknown) => {
        await closeMesh();
        throw error;
      },
    );
    const { tokens: own } = built;
    if (own !== undefined) issuers.push(own.keys);
    const revoked = own?.revocations && followRevocations(own.revocations, logger);
    const allKeys = async () => {
      const sets = await Promise.all(issuers.map((each) => each()));
      return { keys: [...keys, ...sets.flatMap((set) => set.keys)] };
    };
    const server = createServer({
      workload: name,
      contract,
      services: operations === undefined ? built.services : [...built.services, operations],
      tls,
      trustDomain: 'weft.local',
      tokens: createTokenVerifier({ issuer, audience, keys: allKeys, revoked, keyCooldownMs: 0 }),
      logger,
    });
    const port = await server.listen(host, 0);
    server.setServing(true);
    const startedAt = new Date().toISOString();
    const instance = {
      id: instanceId,
      address: `${host}:${port}`,
      zone: '',
      weight: 1,
      version: '0',
      startedAt,
    };
    const registration = discovery.registry?.register(
      instance,
      built.services.map((implementation) => implementation.service),
    );
    for (const each of built.background ?? []) each.start();
    while (!registration?.status().registered) await new Promise((resolve) => setTimeout(resolve, 5));
    return async () => {
      await registration?.deregister();
      revoked?.close();
      await Promise.all((built.background ?? []).map((each) => each.stop()));
      await server.drain(500);
      await stop?.();
      await closeMesh();
    };
  };

  const stoppable = (stop: () => Promise<void>) => {
    let stopped: Promise<void> | undefined;
    const once = () => (stopped ??= stop());
    stops.push(once);
    return once;
  };

  const meshOf = async (workload: string): Promise<Mesh> => {
    const known = meshes.get(workload);
    if (known !== undefined) return known;
    const logger = createLogger({ name: workload, level: process.env['LOG_LEVEL'] ?? 'silent' });
    const { resolver } = openDiscovery(registryUrl, contract, { logger });
    const mesh = createMesh({
      contract,
      resolver,
      connect: http2Connect({ kind: 'mesh', tls: await tlsIdentity(authority, workload) }),
      logger,
    });
    meshes.set(workload, mesh);
    stops.push(async () => {
      await mesh.close();
      await resolver.close();
    });
    return mesh;
  };

  const token: TestMesh['token'] = ({ id, roles }, { expiresInS = 900 } = {}) =>
    new SignJWT({ roles: [...roles] })
      .setProtectedHeader({ alg: 'ES256', kid: 'test' })
      .setSubject(id)
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInS)
      .sign(signing.privateKey);

  return {
    contract,
    environment,
    token,
    async start<DB, S extends Schema>(
      options: DataServiceOptions<DB, S>,
      settings: TestServiceSettings = {},
    ): Promise<TestService<DB>> {
      const databaseUrl = settings.databaseUrl ?? (await testDatabase());
      // Tests ask for more at once than a service admits, and nobody asks again.
      const database = openDatabase<DB>(databaseUrl, { acquireTimeoutMs: 20_000 });
      await migrate(database, options.migrations);
      const stop = await serve(
        options,
        async (parts) => {
          const saga = createSaga({ ...parts, workload: options.name, database });
          const built = await Promise.resolve(options.build({ ...parts, database, saga })).catch(
            async (error: unknown) => {
              await database.close();
              throw error;
            },
          );
          saga.run();
          return {
            built,
            operations: saga.operations,
            stop: async () => {
              await saga.stop();
              await database.close();
            },
          };
        },
        settings,
      );
      return { database, databaseUrl, stop: stoppable(stop) };
    },
    async startPlain(options) {
      const stop = await serve(options, async (parts) => ({ built: await options.build(parts) }));
      return { stop: stoppable(stop) };
    },
    async as(workload, user) {
      const mesh = await meshOf(workload);
      return user === undefined ? mesh : withToken(mesh, await token(user));
    },
    async close() {
      await Promise.all(stops.map((stop) => stop()));
    },
  };
}

/** The same mesh, with an access token in each call. */
export function withToken(mesh: Mesh, token: string): Mesh {
  const authorized = (options: CallOptions = {}): CallOptions => {
    const metadata = options.metadata?.slice() ?? [];
    setPair(metadata, 'authorization', `Bearer ${token}`);
    return { ...options, metadata };
  };
  return {
    unary: (path, request, options) => mesh.unary(path, request, authorized(options)),
    serverStream: (path, request, options) => mesh.serverStream(path, request, authorized(options)),
    clientStream: (path, requests, options) => mesh.clientStream(path, requests, authorized(options)),
    instances: (service) => mesh.instances(service),
    prepare: (services) => mesh.prepare(services),
    close: () => Promise.resolve(),
  };
}
