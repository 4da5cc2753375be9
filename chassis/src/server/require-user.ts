import type { CallContext, User } from '../call-context.ts';
import { ServiceError } from '../errors.ts';

/**
 * The user who called. The contract's access rule has made sure that there is one; a handler whose
 * contract does not ask for one gets UNAUTHENTICATED.
 */
export function requireUser(context: CallContext): User {
  if (context.user === undefined)
    throw new ServiceError('UNAUTHENTICATED', 'TOKEN_REQUIRED', 'needs a signed-in user');
  return context.user;
}
