import { createDatabase } from '@weft/chassis/testing/create-database';
import { databasePasswords } from './secrets.ts';
import { services, type WorkloadName } from './workloads.ts';

/** The DATABASE_URL of each service that has a database. */
export type DatabaseUrls = Readonly<Partial<Record<WorkloadName, string>>>;

/** Makes a database and a user for each service, `<prefix><name>`; what exists is kept. */
export async function ensureDatabases(
  adminUrl: string,
  folder: string,
  prefix = 'weft_',
): Promise<DatabaseUrls> {
  const passwords = databasePasswords(folder);
  const urls = services.map(
    async ({ name }) => [name, await createDatabase(adminUrl, `${prefix}${name}`, passwords[name])] as const,
  );
  return Object.fromEntries(await Promise.all(urls)) as DatabaseUrls;
}
