import { readFileSync } from 'node:fs';
import type { JSONWebKeySet } from 'jose';
import { startAdminServer, type AdminServer } from './admin-server.ts';
import { grpcConnect } from './client/grpc-connection.ts';
import { createMesh, type Mesh } from './client/mesh.ts';
import type { ConfigOf } from './config.ts';
import type { Contract } from './contract.ts';
import { openDiscovery, type Discovery } from './discovery/discovery.ts';
import { openPort, StartError } from './lifecycle.ts';
import { loadContract } from './load-contract.ts';
import type { Logger } from './logger.ts';
import { openTokenVerifier, readMeshIdentity, registryState } from './process-parts.ts';
import type { TokenVerifier } from './server/tokens.ts';
import type { meshSchema } from './service-config.ts';
import type { Telemetry } from './telemetry.ts';
import type { TlsIdentity } from './tls.ts';

export type MeshConfig = ConfigOf<typeof meshSchema> & {
  /** Of a process that registers, milliseconds. */
  readonly registryLease?: number;
};

/** What a service has of the mesh. */
export interface MeshProcess {
  readonly contract: Contract;
  readonly tls: TlsIdentity;
  readonly admin: AdminServer;
  readonly discovery: Discovery;
  readonly mesh: Mesh;
  /**
   * A verifier of user tokens: with the given keys, else with those that TOKEN_KEYS names. Undefined
   * where TOKEN_ISSUER and TOKEN_AUDIENCE are not set; throws where only some of them are.
   */
  tokenVerifier(keys?: () => Promise<JSONWebKeySet>): TokenVerifier | undefined;
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
  const tls = readMeshIdentity(config, config.trustDomain, workload);
  const discovery = open(config, contract, logger);
  const { adminHost: host, adminPort: port } = config;
  const admin = await openPort('ADMIN_PORT', port, () =>
    startAdminServer({ host, port, metrics: telemetry.metrics }),
  );
  const mesh = createMesh({
    contract,
    resolver: discovery.resolver,
    connect: grpcConnect(tls, config.trustDomain),
    logger,
  });
  admin.addDependency(registryState(discovery.resolver));
  return {
    contract,
    tls,
    admin,
    discovery,
    mesh,
    tokenVerifier: (keys) => openTokenVerifier(config, mesh, logger, keys),
    async close() {
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
  const { registryCaFile: caFile, registryCertFile: certFile, registryKeyFile: keyFile } = config;
  const { registryUser: user, registryPassword: password } = config;
  const access = { caFile, certFile, keyFile, user, password };
  const leaseS = registryLease === undefined ? undefined : Math.ceil(registryLease / 1000);
  try {
    return openDiscovery(registry, contract, { logger, cacheDir, access, leaseS });
  } catch (error) {
    throw new StartError(`REGISTRY ${(error as Error).message} (${withoutUser(registry)})`, { cause: error });
  }
}

/** A URL without what stands before an `@`: it may be a password. */
function withoutUser(url: string): string {
  return url.replace(/\/\/.*@/, '//***@');
}
