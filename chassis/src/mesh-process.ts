import { readFileSync } from 'node:fs';
import { startAdminServer, type AdminServer } from './admin-server.ts';
import { http2Connect } from './client/http2-connection.ts';
import { createMesh, type Mesh } from './client/mesh.ts';
import type { ConfigOf } from './config.ts';
import type { Contract } from './contract.ts';
import { openDiscovery, type Discovery } from './discovery/discovery.ts';
import { openPort, StartError } from './lifecycle.ts';
import { loadContract } from './load-contract.ts';
import type { Logger } from './logger.ts';
import { openMeshIdentity, registryState } from './process-parts.ts';
import { registryAccess, type meshSchema } from './service-config.ts';
import type { Telemetry } from './telemetry.ts';
import type { TlsSource } from './tls-source.ts';
import { openUserTokens, type TokenSources, type UserTokens } from './user-tokens.ts';

export type MeshConfig = ConfigOf<typeof meshSchema> & {
  /** Of a process that registers, milliseconds. */
  readonly registryLease?: number;
};

/** What a service has of the mesh. */
export interface MeshProcess {
  readonly contract: Contract;
  /** Who this process is; follows the files. */
  readonly tls: TlsSource;
  readonly admin: AdminServer;
  readonly discovery: Discovery;
  readonly mesh: Mesh;
  /** A verifier of user tokens (openUserTokens). Its state is part of /readyz; it ends with the process. */
  userTokens(own?: TokenSources): UserTokens | undefined;
  /** Closes connections, discovery, telemetry and the admin server, in this order. */
  close(): Promise<void>;
}

/**
 * Opens what a service has of the mesh, telemetry being set up. Nothing is served or registered yet.
 * Its certificate must be that of `workload`.
 */
export async function openMeshProcess(
  config: MeshConfig,
  logger: Logger,
  telemetry: Telemetry,
  workload: string,
): Promise<MeshProcess> {
  const contract = readContract(config.descriptors);
  const tls = openMeshIdentity(config, config.trustDomain, logger, workload);
  const discovery = open(config, contract, logger);
  const { adminHost: host, adminPort: port } = config;
  const admin = await openPort('ADMIN_PORT', port, () =>
    startAdminServer({ host, port, metrics: telemetry.metrics }),
  );
  const mesh = createMesh({
    contract,
    resolver: discovery.resolver,
    connect: http2Connect(
      { kind: 'mesh', tls, trustDomain: config.trustDomain },
      { compressAboveBytes: config.compressAboveBytes },
    ),
    logger,
    zone: config.zone,
  });
  admin.addDependency(registryState(discovery.resolver));
  let tokens: UserTokens | undefined;
  return {
    contract,
    tls,
    admin,
    discovery,
    mesh,
    userTokens(own) {
      tokens = openUserTokens(config, mesh, logger, own);
      for (const dependency of tokens?.dependencies ?? []) admin.addDependency(dependency);
      return tokens;
    },
    async close() {
      tokens?.close();
      tls.close();
      await mesh.close();
      await discovery.resolver.close();
      await telemetry.shutdown();
      await admin.close();
    },
  };
}

function readContract(file: string): Contract {
  try {
    return loadContract(readFileSync(file));
  } catch (error) {
    throw new StartError(`the contract cannot be used (${file}): ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function open(config: MeshConfig, contract: Contract, logger: Logger): Discovery {
  const { registry, cacheDir, registryLease } = config;
  const access = registryAccess(config);
  const leaseS = registryLease === undefined ? undefined : Math.ceil(registryLease / 1000);
  try {
    return openDiscovery(registry, contract, { logger, cacheDir, access, leaseS });
  } catch (error) {
    throw new StartError(`REGISTRY ${(error as Error).message}`, { cause: error });
  }
}
