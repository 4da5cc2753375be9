import type { Database } from '@weft/chassis/data/database';
import { ServiceError } from '@weft/chassis/errors';
import type { Logger } from '@weft/chassis/logger';
import { emailViolations, normaliseEmail, passwordViolations } from './account.ts';
import { accountByEmail } from './account-store.ts';
import type { PasswordHasher } from './password.ts';
import { signUp } from './sign-up.ts';
import type { Tables } from './tables.ts';

/**
 * Makes the account of ADMIN_EMAIL and ADMIN_PASSWORD, with the role `admin`, unless the address has an
 * account; that one is left as it is, password and roles. Without the two variables it does nothing.
 * Throws when only one is set, or one cannot be used.
 */
export async function ensureFirstAdmin(
  database: Database<Tables>,
  hasher: PasswordHasher,
  logger: Logger,
  admin: { readonly email: string | undefined; readonly password: string | undefined },
): Promise<void> {
  if (admin.email === undefined && admin.password === undefined) return;
  const email = normaliseEmail(admin.email ?? '');
  const password = admin.password ?? '';
  const violations = [
    ...emailViolations('ADMIN_EMAIL', email),
    ...passwordViolations('ADMIN_PASSWORD', password),
  ];
  if (violations.length > 0) throw new Error(violations.map((v) => `${v.field} ${v.description}`).join('; '));
  const existing = await accountByEmail(database.kysely, email);
  if (existing === undefined) {
    const passwordHash = await hasher.hash(password);
    try {
      await signUp(database, { email, passwordHash, displayName: 'Admin', roles: ['admin'] });
      logger.info('the first admin was made');
    } catch (error) {
      // Another instance was faster.
      if (!(error instanceof ServiceError) || error.code !== 'ALREADY_EXISTS') throw error;
    }
  } else if (!existing.roles.includes('admin')) {
    logger.warn('the account of ADMIN_EMAIL exists and is no admin; it was left as it is');
  }
}
