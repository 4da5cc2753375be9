import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readOrCreate, writePrivate } from './private-file.ts';
import { services } from './workloads.ts';

/** How the seeded admin signs in. */
export interface AdminLogin {
  readonly email: string;
  readonly password: string;
}

const random = () => randomBytes(18).toString('base64url');

/** The admin's login: random at first, then what is in `admin.json`. */
export function adminLogin(folder: string): AdminLogin {
  return readOrCreate(join(folder, 'admin.json'), () => ({ email: 'admin@weft.local', password: random() }));
}

/** The password of each service's database user: random at first, then what is in `databases.json`. */
export function databasePasswords(folder: string): Readonly<Record<string, string>> {
  const file = join(folder, 'databases.json');
  const known = readOrCreate<Record<string, string>>(file, () => ({}));
  const missing = services.filter(({ name }) => known[name] === undefined);
  if (missing.length === 0) return known;
  const passwords = { ...known, ...Object.fromEntries(missing.map(({ name }) => [name, random()])) };
  writePrivate(file, `${JSON.stringify(passwords, null, 2)}\n`);
  return passwords;
}

/** The password of the database's root, where Docker runs it: the volume keeps the first one. */
export function databaseRootPassword(folder: string): string {
  return readOrCreate(join(folder, 'database-root.json'), random);
}

/** The file with the key that identity seals its signing keys with (KEY_ENCRYPTION_KEY_FILE). */
export function keyEncryptionKeyFile(folder: string): string {
  const file = join(folder, 'key-encryption.key');
  if (!existsSync(file)) writePrivate(file, `${randomBytes(32).toString('base64')}\n`);
  return file;
}
