import type { Database } from '@weft/chassis/data/database';
import { invalidArgument, ServiceError } from '@weft/chassis/errors';
import { requireEtag } from '@weft/chassis/resource/etag';
import { updatedFields } from '@weft/chassis/resource/update-mask';
import type { Handlers } from '@weft/chassis/server/implement';
import { requireUser } from '@weft/chassis/server/require-user';
import type { AccountServiceService } from '@weft/proto/shop/identity/v1/account';
import {
  changeableFields,
  displayNameViolations,
  emailViolations,
  fixedFields,
  normaliseEmail,
  passwordViolations,
} from './account.ts';
import { userMessage } from './account-message.ts';
import * as store from './account-store.ts';
import type { PasswordHasher } from './password.ts';
import { signUp } from './sign-up.ts';
import type { Tables } from './tables.ts';

/** The handlers of shop.identity.v1.AccountService. */
export function accountService(
  database: Database<Tables>,
  hasher: PasswordHasher,
): Handlers<AccountServiceService> {
  return {
    async createUser(request, { signal }) {
      const { password, displayName } = request;
      const email = normaliseEmail(request.email);
      const violations = [
        ...emailViolations('email', email),
        ...passwordViolations('password', password),
        ...displayNameViolations('display_name', displayName),
      ];
      if (violations.length > 0) throw invalidArgument(...violations);
      const passwordHash = await hasher.hash(password, signal);
      return userMessage(await signUp(database, { email, passwordHash, displayName, roles: [] }));
    },

    async getMe(_, context) {
      const account = await store.accountById(database.kysely, requireUser(context).id);
      if (account === undefined) throw notFound();
      return userMessage(account);
    },

    async updateMe({ user, updateMask }, context) {
      const { id } = requireUser(context);
      if (user === undefined) throw invalidArgument({ field: 'user', description: 'is required' });
      const { fields, violations: maskViolations } = updatedFields({
        mask: updateMask,
        mutable: changeableFields,
        immutable: fixedFields,
        populated: user.displayName === '' ? [] : changeableFields,
      });
      const violations = [
        ...maskViolations,
        ...(fields.has('display_name') ? displayNameViolations('user.display_name', user.displayName) : []),
      ];
      if (violations.length > 0) throw invalidArgument(...violations);
      const masked = updateMask !== undefined && updateMask.length > 0;
      const updated = await database.transaction(async (tx) => {
        const current = await store.lockAccount(tx, id);
        if (current === undefined) throw notFound();
        requireEtag(user.etag, current.version);
        if (!masked && user.email !== '' && normaliseEmail(user.email) !== current.email)
          throw invalidArgument({ field: 'user.email', description: 'cannot be changed' });
        if (fields.size === 0) return current;
        const now = new Date();
        await store.updateDisplayName(tx, id, user.displayName, now);
        return { ...current, displayName: user.displayName, version: current.version + 1, updatedAt: now };
      });
      return userMessage(updated);
    },
  };
}

function notFound(): ServiceError {
  return new ServiceError('NOT_FOUND', 'USER_NOT_FOUND', 'there is no such account');
}
