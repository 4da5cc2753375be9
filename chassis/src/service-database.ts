import type { Dependency } from './admin-server.ts';
import type { ConfigOf } from './config.ts';
import { openDatabase, type Database } from './data/database.ts';
import { migrate, type Migration } from './data/migrations.ts';
import { untilMigrated } from './data/until-migrated.ts';
import { StartError } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import type { databaseSchema } from './service-config.ts';

const pingTimeoutMs = 4_000;

/** What a service that keeps data has said of it. */
export type DataOptions = ConfigOf<typeof databaseSchema> & {
  readonly migrations: Readonly<Record<string, Migration>>;
};

/**
 * Opens the database and brings its schema up to date, as MIGRATE says; `only` ends the process here, `wait`
 * leaves it to another process.
 */
export async function readyDatabase<DB>(
  { databaseUrl, migrate: mode, migrations }: DataOptions,
  logger: Logger,
): Promise<Database<DB>> {
  const { host, pathname } = new URL(databaseUrl);
  const database = openDatabase<DB>(databaseUrl);
  if (mode === 'wait') {
    await untilMigrated(database, migrations, logger);
    return database;
  }
  await database.ping(pingTimeoutMs).catch((error: unknown) => {
    throw new StartError(`the database ${host}${pathname} (DATABASE_URL) cannot be used`, { cause: error });
  });
  if (mode === 'off') return database;
  const ran = await migrate(database, migrations);
  logger.info({ ran }, 'schema is up to date');
  if (mode !== 'only') return database;
  await database.close();
  process.exit(0);
}

/** Without its database a service is not ready. */
export function databaseState(database: Pick<Database<never>, 'ping'>): Dependency {
  return {
    name: 'database',
    required: true,
    state: async () => {
      await database.ping(1_500);
      return { ok: true };
    },
  };
}
