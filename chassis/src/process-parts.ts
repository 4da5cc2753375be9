import type { JSONWebKeySet } from 'jose';
import type { Dependency } from './admin-server.ts';
import type { Mesh } from './client/mesh.ts';
import type { ConfigOf } from './config.ts';
import type { Resolver } from './discovery/registry.ts';
import { StartError } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { tokenKeys } from './server/token-keys.ts';
import { createTokenVerifier, type TokenVerifier } from './server/tokens.ts';
import type { processSchema } from './service-config.ts';
import { readTlsIdentity, type TlsFiles, type TlsIdentity } from './tls.ts';

/** Reads a process's identity in the mesh (readTlsIdentity). Throws a StartError. */
export function readMeshIdentity(files: TlsFiles, trustDomain: string, workload?: string): TlsIdentity {
  try {
    return readTlsIdentity(files, trustDomain, workload);
  } catch (error) {
    throw new StartError((error as Error).message, { cause: (error as Error).cause });
  }
}

/** Whether instances can be found, for people: the last known ones stay in use while they cannot. */
export function registryState(resolver: Resolver): Dependency {
  return {
    name: 'registry',
    required: false,
    state: async () => {
      const { connected, detail } = resolver.status();
      return { ok: connected, ...(detail === '' ? {} : { detail }) };
    },
  };
}

type TokenConfig = Pick<ConfigOf<typeof processSchema>, 'tokenIssuer' | 'tokenAudience' | 'tokenKeys'>;

/**
 * A verifier of user tokens: with the given keys, else with those that TOKEN_KEYS names. Undefined where
 * TOKEN_ISSUER and TOKEN_AUDIENCE are not set; throws a StartError where only some of them are.
 */
export function openTokenVerifier(
  { tokenIssuer: issuer, tokenAudience: audience, tokenKeys: source }: TokenConfig,
  mesh: Mesh,
  logger: Logger,
  keys?: () => Promise<JSONWebKeySet>,
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
