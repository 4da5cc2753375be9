import { hash } from 'node:crypto';
import {
  createLocalJWKSet,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';
import type { User } from '../call-context.ts';
import { ServiceError } from '../errors.ts';

/** No key of ours signs with anything else; `none` and the symmetric ones above all. */
const algorithms = ['ES256', 'RS256', 'EdDSA'];
const clockToleranceS = 5;
/** Keys are fetched again this often, so that one taken out of the set stops counting. */
const keyMaxAgeMs = 10 * 60_000;
const longestToken = 8192;

/** A user whose token was verified. */
export interface VerifiedUser extends User {
  readonly expiresAtMs: number;
}

export interface TokenVerifier {
  /**
   * Verifies a user's access token (JWT) and returns who it names. Throws a ServiceError:
   * UNAUTHENTICATED with reason TOKEN_EXPIRED or TOKEN_INVALID, UNAVAILABLE with reason
   * KEYS_UNAVAILABLE while no signing keys could be fetched yet.
   */
  verify(token: string): Promise<VerifiedUser>;
}

export interface TokenVerifierOptions {
  readonly issuer: string;
  readonly audience: string;
  /** Fetches the signing keys. */
  readonly keys: () => Promise<JSONWebKeySet>;
  /** Verified tokens that are remembered until they expire. Default 10,000. */
  readonly cacheSize?: number;
  /** The shortest time between two fetches that unknown key ids cause. Default 10,000 ms. */
  readonly keyCooldownMs?: number;
}

/**
 * A verifier of user tokens: signature (ES256, RS256 or EdDSA), issuer, audience, expiry. One
 * verification costs some 100 µs, so verified tokens are remembered by their SHA-256 until they expire.
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { issuer, audience, cacheSize = 10_000 } = options;
  const verified = new Map<string, VerifiedUser>();
  const keyOf = signingKeys(options.keys, options.keyCooldownMs ?? 10_000);

  async function verifyAnew(token: string): Promise<VerifiedUser> {
    try {
      const { payload } = await jwtVerify(token, keyOf, {
        algorithms,
        issuer,
        audience,
        clockTolerance: clockToleranceS,
        requiredClaims: ['sub', 'exp'],
      });
      return userOf(payload);
    } catch (error) {
      throw asServiceError(error);
    }
  }

  return {
    async verify(token) {
      if (token.length > longestToken) throw invalid(undefined);
      const digest = hash('sha256', token, 'base64');
      const known = verified.get(digest);
      if (known !== undefined) {
        if (known.expiresAtMs + clockToleranceS * 1000 > Date.now()) return known;
        verified.delete(digest);
        throw expired(undefined);
      }
      const user = await verifyAnew(token);
      verified.set(digest, user);
      // Insertion order: the oldest goes first.
      if (verified.size > cacheSize) verified.delete(verified.keys().next().value ?? '');
      return user;
    },
  };
}

/**
 * Chooses the key that a token names. An unknown key id causes a fetch, at most one per cooldown
 * however many tokens ask for it; while the source is away the last known keys stay in use.
 */
function signingKeys(fetchKeys: () => Promise<JSONWebKeySet>, cooldownMs: number): JWTVerifyGetKey {
  let choose: ReturnType<typeof createLocalJWKSet> | undefined;
  let fetchedAt = -Infinity;
  let triedAt = -Infinity;
  let fetching: Promise<void> | undefined;

  const fetchNow = (): Promise<void> => {
    triedAt = Date.now();
    fetching ??= fetchKeys()
      .then((keys) => {
        choose = createLocalJWKSet(keys);
        fetchedAt = Date.now();
      })
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  };

  return async (header, token) => {
    if (choose === undefined) await fetchNow().catch(unavailable);
    else if (Date.now() - Math.max(fetchedAt, triedAt) > keyMaxAgeMs) fetchNow().catch(keepKnown);
    if (choose === undefined) throw unavailable(undefined);
    try {
      return await choose(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (fetching === undefined && Date.now() - triedAt < cooldownMs) throw error;
      await fetchNow().catch(keepKnown);
      return choose(header, token);
    }
  };
}

/** The keys of before stay in use; whoever fetches them logs why it failed. */
const keepKnown = () => undefined;

function userOf(payload: JWTPayload): VerifiedUser {
  const { sub, exp, roles = [] } = payload as JWTPayload & { roles?: unknown };
  if (sub === undefined || sub === '' || exp === undefined) throw invalid(undefined);
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === 'string')) throw invalid(undefined);
  return { id: sub, roles, expiresAtMs: exp * 1000 };
}

function asServiceError(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return expired(error);
  if (error instanceof errors.JOSEError) return invalid(error);
  return error;
}

function invalid(cause: unknown): ServiceError {
  return new ServiceError('UNAUTHENTICATED', 'TOKEN_INVALID', 'the access token is not valid', { cause });
}

function expired(cause: unknown): ServiceError {
  return new ServiceError('UNAUTHENTICATED', 'TOKEN_EXPIRED', 'the access token has expired', { cause });
}

function unavailable(cause: unknown): never {
  const message = 'the keys that verify access tokens cannot be fetched';
  throw new ServiceError('UNAVAILABLE', 'KEYS_UNAVAILABLE', message, { cause });
}
