import { readFileSync } from 'node:fs';
import type { JSONWebKeySet } from 'jose';
import { startAdminServer, type AdminServer } from './admin-server.ts';
import type { Connect } from './client/connection.ts';
import { grpcConnect } from './client/grpc-connection.ts';
import { createMesh, type Mesh } from './client/mesh.ts';
import type { ConfigOf } from './config.ts';
import type { Contract } from './contract.ts';
import { openDiscovery, type Discovery } from './discovery/discovery.ts';
import { openPort, StartError } from './lifecycle.ts';
import { loadContract } from './load-contract.ts';
import type { Logger } from './logger.ts';
import { tokenKeys } from './server/token-keys.ts';
import { createTokenVerifier, type TokenVerifier } from './server/tokens.ts';
import type { meshSchema } from './service-config.ts';
import type { Telemetry } from './telemetry.ts';
import { readTlsIdentity, type TlsIdentity } from './tls.ts';

export type MeshConfig = ConfigOf<typeof meshSchema>;

/** What every process of the mesh has, a service as well as the edge. */
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
 * Opens what every process of the mesh has, telemetry being set up. Nothing is served or registered yet.
 * With `workload` its certificate must be that workload's; otherwise any of the mesh will do. `connectWith`
 * makes what connects to instances from that certificate.
 */
export async function openMeshProcess(
  config: MeshConfig,
  logger: Logger,
  telemetry: Telemetry,
  workload?: string,
  connectWith: (tls: TlsIdentity, trustDomain: string) => Connect = grpcConnect,
): Promise<MeshProcess> {
  const contract = readContract(config.descriptors);
  const tls = readTls(config, workload);
  const discovery = open(config, contract, logger);
  const admin = await openPort('ADMIN_PORT', config.adminPort, () =>
    startAdminServer({ host: config.adminHost, port: config.adminPort, metrics: telemetry.metrics }),
  );
  const mesh = createMesh({
    contract,
    resolver: discovery.resolver,
    connect: connectWith(tls, config.trustDomain),
    logger,
  });
  admin.addDependency({
    name: 'registry',
    // The last known instances stay in use without it.
    required: false,
    state: async () => {
      const { connected, detail } = discovery.resolver.status();
      return { ok: connected, ...(detail === '' ? {} : { detail }) };
    },
  });
  return {
    contract,
    tls,
    admin,
    discovery,
    mesh,
    tokenVerifier: (keys) => verifier(config, keys, mesh, logger),
    async close() {
      await mesh.close();
      await discovery.resolver.close();
      await telemetry.shutdown();
      await admin.close();
    },
  };
}

function readTls(config: MeshConfig, workload: string | undefined): TlsIdentity {
  try {
    return readTlsIdentity(config, config.trustDomain, workload);
  } catch (error) {
    throw new StartError((error as Error).message, { cause: (error as Error).cause });
  }
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
  try {
    return openDiscovery(config.registry, contract, { logger, cacheDir: config.cacheDir });
  } catch (error) {
    throw new StartError(`REGISTRY ${(error as Error).message} (${config.registry})`, { cause: error });
  }
}

function verifier(
  { tokenIssuer: issuer, tokenAudience: audience, tokenKeys: source }: MeshConfig,
  keys: (() => Promise<JSONWebKeySet>) | undefined,
  mesh: Mesh,
  logger: Logger,
): TokenVerifier | undefined {
  const fetchKeys = keys ?? (source === undefined ? undefined : keysFrom(source, mesh, logger));
  if (issuer === undefined && audience === undefined && source === undefined) return undefined;
  if (issuer === undefined || audience === undefined || fetchKeys === undefined)
    throw new StartError('TOKEN_ISSUER, TOKEN_AUDIENCE and TOKEN_KEYS are set together or not at all');
  return createTokenVerifier({ issuer, audience, keys: fetchKeys });
}

function keysFrom(source: string, mesh: Mesh, logger: Logger): () => Promise<JSONWebKeySet> {
  try {
    return tokenKeys(source, mesh, logger);
  } catch (error) {
    throw new StartError(`TOKEN_KEYS ${(error as Error).message} (${source})`, { cause: error });
  }
}
