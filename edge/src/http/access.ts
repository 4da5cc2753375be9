import type { IncomingMessage } from 'node:http';
import type { User } from '@weft/chassis/call-context';
import type { MethodRule } from '@weft/chassis/contract';
import { ServiceError } from '@weft/chassis/errors';
import { authorize } from '@weft/chassis/server/access';
import type { TokenVerifier } from '@weft/chassis/server/tokens';

/**
 * Whether a request may call a method: verifies the bearer token where the contract wants a user, then
 * applies its rule, and answers the user. Throws a ServiceError. The service checks both again; here it
 * costs less.
 *
 * A public method takes no notice of the token, so that an expired one does not keep its holder from
 * signing in again.
 */
export async function checkAccess(
  request: IncomingMessage,
  { access }: MethodRule,
  tokens: TokenVerifier | undefined,
): Promise<User | undefined> {
  if (access.kind === 'public') return undefined;
  const token = bearer(request);
  const user = token === undefined ? undefined : await tokens?.verify(token);
  authorize(access, '', user);
  return user;
}

/** Of several authorization headers node:http keeps the first, which is also the one that goes upstream. */
function bearer({ headers }: IncomingMessage): string | undefined {
  const { authorization } = headers;
  if (authorization === undefined) return undefined;
  // RFC 6750, section 2.1, and the token68 grammar of RFC 9110.
  const match = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(authorization);
  if (match === null)
    throw new ServiceError(
      'UNAUTHENTICATED',
      'TOKEN_REQUIRED',
      'the authorization header holds no bearer token',
    );
  return match[1];
}
