import type { User } from '../call-context.ts';
import type { AccessRule } from '../contract.ts';
import { ServiceError } from '../errors.ts';

/**
 * Whether a call may go on: returns, or throws a ServiceError. Deny by default: a method whose
 * contract says nothing is refused to everyone.
 *
 * `caller` is the workload in the caller's certificate, `user` the user whose token was verified.
 * Throws UNAUTHENTICATED (TOKEN_REQUIRED) where only a user's token is missing, else PERMISSION_DENIED
 * (ACCESS_DENIED, ROLE_REQUIRED, CALLER_NOT_ALLOWED).
 */
export function authorize(rule: AccessRule, caller: string, user?: User): void {
  switch (rule.kind) {
    case 'public':
      return;
    case 'user':
      if (user === undefined) throw tokenRequired();
      return;
    case 'roles':
      if (user === undefined) throw tokenRequired();
      if (!rule.roles.some((role) => user.roles.includes(role)))
        throw denied('ROLE_REQUIRED', `needs one of the roles: ${rule.roles.join(', ')}`);
      return;
    case 'services':
      if (!rule.services.includes(caller))
        throw denied('CALLER_NOT_ALLOWED', 'this method is internal to the mesh');
      return;
    case 'denied':
      throw denied('ACCESS_DENIED', 'the contract lets nobody call this method');
  }
}

function tokenRequired(): ServiceError {
  return new ServiceError('UNAUTHENTICATED', 'TOKEN_REQUIRED', 'needs a signed-in user');
}

function denied(reason: string, message: string): ServiceError {
  return new ServiceError('PERMISSION_DENIED', reason, message);
}
