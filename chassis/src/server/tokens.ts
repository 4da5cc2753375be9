import type { JSONWebKeySet } from 'jose';
import type { User } from '../call-context.ts';

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

export declare function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier;
