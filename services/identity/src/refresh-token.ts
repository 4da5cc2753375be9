import { createHash, createHmac, randomBytes } from 'node:crypto';

/** How long a refresh token that was just used gets the same successor again: its answer may be lost. */
export const retryGraceMs = 10_000;
/** A session ends when it was not refreshed for so long. */
export const sessionMs = 30 * 24 * 3_600_000;

/** A new refresh token: 256 random bits. */
export function newRefreshToken(): string {
  return randomBytes(32).toString('base64url');
}

/** What is stored of a refresh token. It has 256 bits of entropy, so a plain hash is enough. */
export function refreshTokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/**
 * The token that follows `token`. It depends on it and on a key that no client has, so a repeated request
 * gets the same answer although neither token is stored, and nobody can derive one from another.
 */
export function successorOf(token: string, key: Buffer): string {
  return createHmac('sha256', key).update(token).digest('base64url');
}

/** A session's tokens, by their hashes. */
export interface TokenFamily {
  readonly currentHash: Buffer;
  readonly previousHash: Buffer | undefined;
  readonly rotatedAtMs: number;
  readonly expiresAtMs: number;
}

/**
 * What becomes of a token that belongs to a session: it is traded, its last answer is given again, the
 * session is over already, or it was used before and ends the session (RFC 9700, section 4.14.2).
 */
export function judge(
  hash: Buffer,
  family: TokenFamily,
  nowMs: number,
): 'rotate' | 'repeat' | 'ended' | 'reused' {
  if (nowMs >= family.expiresAtMs) return 'ended';
  if (hash.equals(family.currentHash)) return 'rotate';
  const justRotated = nowMs - family.rotatedAtMs <= retryGraceMs;
  return justRotated && family.previousHash?.equals(hash) ? 'repeat' : 'reused';
}
