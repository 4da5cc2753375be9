import { isDuplicateKey, type Database } from '@weft/chassis/data/database';
import { uuidv7 } from '@weft/chassis/data/uuid';
import { ServiceError } from '@weft/chassis/errors';
import { insertAccount, type Account } from './account-store.ts';
import type { Tables } from './tables.ts';
import { insertWallet } from './wallet-store.ts';

/** Makes an account and its empty wallet. ALREADY_EXISTS (EMAIL_TAKEN) when the address is taken. */
export async function signUp(
  database: Database<Tables>,
  person: Pick<Account, 'email' | 'passwordHash' | 'displayName' | 'roles'>,
): Promise<Account> {
  const account = { id: uuidv7(), ...person };
  const now = new Date();
  try {
    await database.transaction(async (tx) => {
      await insertAccount(tx, account, now);
      await insertWallet(tx, account.id);
    });
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    throw new ServiceError('ALREADY_EXISTS', 'EMAIL_TAKEN', 'there is an account with this address', {
      cause: error,
    });
  }
  return { ...account, version: 1, createdAt: now, updatedAt: now };
}
