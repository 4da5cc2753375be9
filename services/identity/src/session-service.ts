import type { Database } from '@weft/chassis/data/database';
import { uuidv7 } from '@weft/chassis/data/uuid';
import { invalidArgument, ServiceError } from '@weft/chassis/errors';
import type { Logger } from '@weft/chassis/logger';
import { toTimestamp } from '@weft/chassis/resource/timestamp';
import type { Handlers } from '@weft/chassis/server/implement';
import type { Session, SessionServiceService } from '@weft/proto/shop/identity/v1/session';
import type { Transaction } from 'kysely';
import type { AccessTokens } from './access-token.ts';
import { isPossiblePassword, normaliseEmail } from './account.ts';
import { userMessage } from './account-message.ts';
import { accountByEmail, accountById, type Account } from './account-store.ts';
import type { PasswordHasher } from './password.ts';
import { judge, newRefreshToken, refreshTokenHash, sessionMs, successorOf } from './refresh-token.ts';
import type { RevocationFeed } from './revocation-feed.ts';
import { insertRevocation } from './revocation-store.ts';
import * as store from './session-store.ts';
import { holdMs, withAttempt } from './sign-in-attempts.ts';
import { forgetAttempts, lockAttempts, updateAttempts } from './sign-in-store.ts';
import { accessTokenMs } from './signing-key.ts';
import type { Tables } from './tables.ts';

/** A revocation is kept for so long after the last token of its session: clocks differ. */
const leewayMs = 60_000;

export interface SessionServiceOptions {
  readonly database: Database<Tables>;
  readonly hasher: PasswordHasher;
  readonly accessTokens: AccessTokens;
  /** For successors of refresh tokens: the first is used, the others still recognise. */
  readonly successorKeys: readonly Buffer[];
  /** Tells all others of sessions that end. */
  readonly feed: Pick<RevocationFeed, 'poke'>;
  readonly logger: Logger;
}

/** The handlers of shop.identity.v1.SessionService. */
export function sessionService(options: SessionServiceOptions): Handlers<SessionServiceService> {
  const { database, hasher, accessTokens, feed, logger } = options;

  const sessionOf = async (account: Account, sessionId: string, refreshToken: string): Promise<Session> => {
    const { token, expiresAt } = await accessTokens.issue(account, sessionId);
    const user = userMessage(account);
    return { accessToken: token, refreshToken, expireTime: toTimestamp(expiresAt), user };
  };

  /** Ends a session, and the access tokens that it gave out with it. */
  const end = async (tx: Transaction<Tables>, sessionId: string, now: Date): Promise<void> => {
    const until = new Date(now.getTime() + accessTokenMs + leewayMs);
    if (await store.endSession(tx, sessionId, now)) await insertRevocation(tx, sessionId, until);
  };

  /** Counts a sign-in before its password is looked at, so that those at the same time are counted too. */
  const admit = async (email: string): Promise<void> => {
    const waitMs = await database.transaction(async (tx) => {
      const now = new Date();
      const attempts = await lockAttempts(tx, email, now);
      const hold = holdMs(attempts, now.getTime());
      if (hold === 0) await updateAttempts(tx, email, withAttempt(attempts, now.getTime()));
      return hold;
    });
    if (waitMs === 0) return;
    const message = 'too many sign-ins to this address failed: wait before the next';
    throw new ServiceError('RESOURCE_EXHAUSTED', 'TOO_MANY_ATTEMPTS', message, { retryAfterMs: waitMs });
  };

  /** What a used token becomes, in one transaction; an error would undo the end of a stolen session. */
  const trade = (refreshToken: string) =>
    database.transaction(
      async (tx) => {
        const hash = refreshTokenHash(refreshToken);
        const session = await store.lockSessionOf(tx, hash);
        const account = session && (await accountById(tx, session.accountId));
        if (session === undefined || account === undefined) return { verdict: 'unknown' } as const;
        const now = new Date();
        const verdict = judge(hash, session, now.getTime());
        if (verdict === 'ended') return { verdict };
        const successors = options.successorKeys.map((key) => successorOf(refreshToken, key));
        if (verdict === 'rotate') {
          const [next = ''] = successors;
          const expiresAt = new Date(now.getTime() + sessionMs);
          await store.rotate(tx, session.id, { used: hash, next: refreshTokenHash(next), now, expiresAt });
          return { verdict, session, account, next };
        }
        const again = successors.find((token) => refreshTokenHash(token).equals(session.currentHash));
        if (verdict === 'repeat' && again !== undefined) return { verdict, session, account, next: again };
        await end(tx, session.id, now);
        return { verdict: 'reused', session } as const;
      },
      { idempotent: true },
    );

  return {
    async createSession({ email, password }, { signal }) {
      const missing = Object.entries({ email, password }).filter(([, value]) => value === '');
      if (missing.length > 0)
        throw invalidArgument(...missing.map(([field]) => ({ field, description: 'is required' })));
      const address = normaliseEmail(email);
      await admit(address);
      const account = await accountByEmail(database.kysely, address);
      // Who has no account, or sends what cannot be a password, waits as long and hears the same.
      const possible = isPossiblePassword(password);
      const hash = possible ? account?.passwordHash : undefined;
      const verified = await hasher.verify(possible ? password : '', hash, signal);
      if (!verified || account === undefined)
        throw unauthenticated('INVALID_CREDENTIALS', 'the address or the password is wrong');
      const id = uuidv7();
      const refreshToken = newRefreshToken();
      const now = new Date();
      const expiresAt = new Date(now.getTime() + sessionMs);
      const hashed = refreshTokenHash(refreshToken);
      await database.transaction(async (tx) => {
        await store.insertSession(tx, { id, accountId: account.id, hash: hashed, now, expiresAt });
        await forgetAttempts(tx, address);
      });
      return sessionOf(account, id, refreshToken);
    },

    async refreshSession({ refreshToken }) {
      requireToken(refreshToken);
      const traded = await trade(refreshToken);
      switch (traded.verdict) {
        case 'rotate':
        case 'repeat':
          return sessionOf(traded.account, traded.session.id, traded.next);
        case 'reused':
          feed.poke();
          logger.warn(
            { session: traded.session.id },
            'a refresh token was used again: its session was ended',
          );
          throw unauthenticated('REFRESH_TOKEN_REUSED', 'this token was used before; sign in again');
        case 'ended':
          throw unauthenticated('SESSION_ENDED', 'this session is over; sign in again');
        case 'unknown':
          throw unauthenticated('INVALID_REFRESH_TOKEN', 'there is no such session; sign in again');
      }
    },

    async revokeSession({ refreshToken }) {
      requireToken(refreshToken);
      await database.transaction(
        async (tx) => {
          const session = await store.lockSessionOf(tx, refreshTokenHash(refreshToken));
          if (session !== undefined) await end(tx, session.id, new Date());
        },
        { idempotent: true },
      );
      feed.poke();
      return {};
    },
  };
}

function requireToken(refreshToken: string): void {
  if (refreshToken === '') throw invalidArgument({ field: 'refresh_token', description: 'is required' });
}

function unauthenticated(reason: string, message: string): ServiceError {
  return new ServiceError('UNAUTHENTICATED', reason, message);
}
