import type { JSONWebKeySet } from 'jose';
import { setTimeout as delay } from 'node:timers/promises';
import type { Dependency } from './admin-server.ts';
import type { Mesh } from './client/mesh.ts';
import type { ConfigOf } from './config.ts';
import { StartError } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { meshRevocations } from './server/revocation-source.ts';
import { followRevocations, type RevokedSessions, type WatchRevocations } from './server/revocations.ts';
import { tokenKeys } from './server/token-keys.ts';
import { createTokenVerifier, type TokenVerifier } from './server/tokens.ts';
import type { processSchema } from './service-config.ts';

const retryMs = 100;
/** One answer comes every second: what is older than this was missed. */
const staleMs = 5_000;

/** What a process verifies tokens with that it need not ask others for. */
export interface TokenSources {
  readonly keys: () => Promise<JSONWebKeySet>;
  readonly revocations?: WatchRevocations;
}

/** A verifier of user tokens, with all that it follows. */
export interface UserTokens extends TokenVerifier {
  /** Waits for the keys and the list of revoked sessions, `timeoutMs` at most; whether both are there. */
  ready(timeoutMs: number): Promise<boolean>;
  /** For /readyz: none of them keeps the process from serving. */
  readonly dependencies: readonly Dependency[];
  close(): void;
}

type TokenConfig = Pick<
  ConfigOf<typeof processSchema>,
  'tokenIssuer' | 'tokenAudience' | 'tokenKeys' | 'tokenRevocations'
>;

/**
 * A verifier of user tokens: with the sources that this process has itself, else with those that TOKEN_KEYS and
 * TOKEN_REVOCATIONS name. Undefined where TOKEN_ISSUER and TOKEN_AUDIENCE are not set; throws a StartError
 * where only some of them are. Without TOKEN_REVOCATIONS, tokens count until they expire.
 */
export function openUserTokens(
  config: TokenConfig,
  mesh: Mesh,
  logger: Logger,
  own?: TokenSources,
): UserTokens | undefined {
  const { tokenIssuer: issuer, tokenAudience: audience, tokenKeys: source } = config;
  const fetchKeys = own?.keys ?? named('TOKEN_KEYS', source, (text) => tokenKeys(text, mesh, logger));
  if (issuer === undefined && audience === undefined && source === undefined) return undefined;
  if (issuer === undefined || audience === undefined || fetchKeys === undefined)
    throw new StartError('TOKEN_ISSUER, TOKEN_AUDIENCE and TOKEN_KEYS are set together or not at all');
  const watch =
    own === undefined
      ? named('TOKEN_REVOCATIONS', config.tokenRevocations, (text) => meshRevocations(text, mesh))
      : own.revocations;
  const revoked = watch && followRevocations(watch, logger);
  const verifier = createTokenVerifier({ issuer, audience, keys: fetchKeys, revoked });
  let keysKnown = false;
  return {
    ...verifier,
    async ready(timeoutMs) {
      const deadline = AbortSignal.timeout(timeoutMs);
      while (!deadline.aborted && !keysKnown) {
        // Why they cannot be had is in the log.
        keysKnown = await verifier.prepare().then(
          () => true,
          () => false,
        );
        if (!keysKnown) await delay(retryMs, undefined, { signal: deadline }).catch(() => undefined);
      }
      const late = delay(timeoutMs, 'late', { signal: deadline, ref: false }).catch(() => 'late');
      const heard = revoked === undefined || (await Promise.race([revoked.known, late])) !== 'late';
      if (!keysKnown || !heard)
        logger.warn({ keysKnown, heard }, 'serving without what tokens are verified with');
      return keysKnown && heard;
    },
    dependencies: revoked === undefined ? [] : [revocationsState(revoked)],
    close: () => revoked?.close(),
  };
}

/** While they are not heard, those known last stand, and a token's own life bounds the rest. */
function revocationsState(revoked: RevokedSessions): Dependency {
  return {
    name: 'revocations',
    required: false,
    state: async () => {
      const ageMs = revoked.ageMs();
      if (ageMs < staleMs) return { ok: true };
      const since = ageMs === Infinity ? 'never heard' : `not heard for ${Math.round(ageMs / 1000)} s`;
      return { ok: false, detail: since };
    },
  };
}

function named<T>(variable: string, text: string | undefined, open: (text: string) => T): T | undefined {
  if (text === undefined) return undefined;
  try {
    return open(text);
  } catch (error) {
    throw new StartError(`${variable} ${(error as Error).message} (${text})`, { cause: error });
  }
}
