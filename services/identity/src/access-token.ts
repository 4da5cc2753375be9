import { uuidv7 } from '@weft/chassis/data/uuid';
import type { User } from '@weft/chassis/call-context';
import { SignJWT } from 'jose';
import type { KeyRing } from './key-ring.ts';
import { accessTokenMs } from './signing-key.ts';

export interface AccessTokens {
  /** A JWT (RFC 7519) for `user` in the session, and when it expires. */
  issue(user: User, sessionId: string): Promise<{ readonly token: string; readonly expiresAt: Date }>;
}

/** Signs with ES256 and the key ring's current key. Tokens live for 15 minutes. */
export function createAccessTokens(
  ring: KeyRing,
  names: { readonly issuer: string; readonly audience: string },
): AccessTokens {
  return {
    async issue(user, sessionId) {
      const { kid, privateKey } = ring.signing();
      const issuedAtSeconds = Math.floor(Date.now() / 1000);
      const expiresAtSeconds = issuedAtSeconds + accessTokenMs / 1000;
      const token = await new SignJWT({ roles: [...user.roles], sid: sessionId })
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
        .setSubject(user.id)
        .setIssuer(names.issuer)
        .setAudience(names.audience)
        .setIssuedAt(issuedAtSeconds)
        .setExpirationTime(expiresAtSeconds)
        .setJti(uuidv7())
        .sign(privateKey);
      return { token, expiresAt: new Date(expiresAtSeconds * 1000) };
    },
  };
}
