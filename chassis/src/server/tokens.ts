import { hash } from 'node:crypto';
import { errors, jwtVerify, type JSONWebKeySet, type JWTPayload } from 'jose';
import type { User } from '../call-context.ts';
import { ServiceError } from '../errors.ts';
import type { RevokedSessions } from './revocations.ts';
import { createSigningKeys } from './signing-keys.ts';

/** No key of ours signs with anything else; `none` and the symmetric ones above all. */
const algorithms = ['ES256', 'RS256', 'EdDSA'];
const clockToleranceS = 5;
const longestToken = 8192;

/** A user whose token was verified. */
export interface VerifiedUser extends User {
  readonly expiresAtMs: number;
}

export interface TokenVerifier {
  /**
   * Verifies a user's access token (JWT) and returns who it names. Throws a ServiceError:
   * UNAUTHENTICATED with reason TOKEN_EXPIRED, TOKEN_INVALID or SESSION_REVOKED, UNAVAILABLE with reason
   * KEYS_UNAVAILABLE while no signing keys could be fetched yet.
   */
  verify(token: string): Promise<VerifiedUser>;
  /** Calls `listener` with the sessions that are revoked from now on. Absent: none ever is. */
  onRevoked?(listener: (sessionIds: ReadonlySet<string>) => void): void;
}

/** A verifier whose keys can be fetched before the first token comes. */
export interface PreparedVerifier extends TokenVerifier {
  /** Fetches the keys unless they are known. Rejects where they cannot be had. */
  prepare(): Promise<void>;
}

export interface TokenVerifierOptions {
  readonly issuer: string;
  readonly audience: string;
  /** Fetches the signing keys. */
  readonly keys: () => Promise<JSONWebKeySet>;
  /** The sessions whose tokens are refused (their claim `sid`). Default: none. */
  readonly revoked?: RevokedSessions | undefined;
  /** Verified tokens that are remembered until they expire: those used last. Default 10,000. */
  readonly cacheSize?: number;
  /** The shortest time between two fetches that unknown key ids cause. Default 10,000 ms. */
  readonly keyCooldownMs?: number;
  /** Keys are fetched again this often, so that one taken out of the set stops counting. Default 10 min. */
  readonly keyMaxAgeMs?: number;
}

interface Remembered {
  readonly user: VerifiedUser;
  /** The key that verified it; undefined where the token names none, and any may have. */
  readonly kid: string | undefined;
}

/**
 * A verifier of user tokens: signature (ES256, RS256 or EdDSA), issuer, audience, `exp`, `nbf`. One
 * verification costs some 100 µs, so verified tokens are remembered by their SHA-256 until they expire, or
 * until the key that verified them is no longer in the set, which is how all tokens of a key are revoked.
 * Whether its session is revoked is looked at for each call anew.
 */
export function createTokenVerifier(options: TokenVerifierOptions): PreparedVerifier {
  const { issuer, audience, revoked, cacheSize = 10_000 } = options;
  const verified = new Map<string, Remembered>();
  let removals = 0;
  const keys = createSigningKeys({
    fetch: options.keys,
    cooldownMs: options.keyCooldownMs ?? 10_000,
    maxAgeMs: options.keyMaxAgeMs ?? 10 * 60_000,
    onRemoved(gone) {
      removals += 1;
      for (const [digest, { kid }] of verified)
        if (kid === undefined || gone.has(kid)) verified.delete(digest);
    },
  });

  async function verifyAnew(token: string): Promise<Remembered> {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keys.choose, {
        algorithms,
        issuer,
        audience,
        clockTolerance: clockToleranceS,
        requiredClaims: ['sub', 'exp'],
      });
      return { user: userOf(payload), kid: protectedHeader.kid };
    } catch (error) {
      throw asServiceError(error);
    }
  }

  async function userOfToken(token: string): Promise<VerifiedUser> {
    if (token.length > longestToken) throw invalid(undefined);
    keys.refresh();
    const digest = hash('sha256', token, 'base64');
    const known = verified.get(digest);
    if (known !== undefined) {
      verified.delete(digest);
      if (known.user.expiresAtMs + clockToleranceS * 1000 <= Date.now()) throw expired(undefined);
      // Behind all others: what was not used for the longest time is in front, and goes first.
      verified.set(digest, known);
      return known.user;
    }
    const before = removals;
    const fresh = await verifyAnew(token);
    // Not remembered when a key went meanwhile: it may have been this one.
    if (removals === before) verified.set(digest, fresh);
    if (verified.size > cacheSize) verified.delete(verified.keys().next().value ?? '');
    return fresh.user;
  }

  return {
    async verify(token) {
      const user = await userOfToken(token);
      if (user.sessionId !== undefined && revoked?.has(user.sessionId) === true) throw sessionRevoked();
      return user;
    },
    prepare: () => keys.prepare(),
    onRevoked: (listener) => revoked?.onRevoked(listener),
  };
}

function userOf(payload: JWTPayload): VerifiedUser {
  const { sub, exp, roles = [], sid } = payload as JWTPayload & { roles?: unknown; sid?: unknown };
  if (sub === undefined || sub === '' || exp === undefined) throw invalid(undefined);
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === 'string')) throw invalid(undefined);
  if (sid !== undefined && typeof sid !== 'string') throw invalid(undefined);
  return { id: sub, roles, expiresAtMs: exp * 1000, ...(sid === undefined ? {} : { sessionId: sid }) };
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

/** Of a session that was ended: signing in again helps. */
export function sessionRevoked(): ServiceError {
  return new ServiceError('UNAUTHENTICATED', 'SESSION_REVOKED', 'this session is over; sign in again');
}
