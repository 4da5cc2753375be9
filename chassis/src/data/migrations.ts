import { CompiledQuery } from 'kysely';
import { Migrator } from 'kysely/migration';
import { sagaMigrations } from '../saga/schema.ts';
import type { Database } from './database.ts';
import { withStatementLimit } from './time-limit.ts';

const statementLimitMs = 10 * 60_000;

/**
 * One change of a schema: one SQL statement, since DDL commits by itself and a migration of two could
 * stop half way. Written for MySQL 8.4 and MariaDB 10.11 alike.
 */
export interface Migration {
  readonly up: string;
}

/**
 * Brings the schema up to date: runs, in the order of their names, those migrations that did not run
 * before, the chassis's own saga tables included, and answers their names. Name them `0001_users`,
 * `0002_wallets`, …; the chassis's begin with `chassis_`. Several processes may call it at once: a lock
 * per database lets one at a time through. Throws on the first that fails, naming it; those before it stay.
 */
export async function migrate<DB>(
  database: Database<DB>,
  migrations: Readonly<Record<string, Migration>>,
): Promise<string[]> {
  const migrator = migratorOf(database, migrations);
  const { error, results = [] } = await withStatementLimit(statementLimitMs, () =>
    migrator.migrateToLatest(),
  );
  const failed = results.find(({ status }) => status === 'Error');
  if (error !== undefined)
    throw new Error(`migration ${failed?.migrationName ?? ''} failed`, { cause: error });
  return results.map(({ migrationName }) => migrationName);
}

/** The names of those migrations that have not run yet, in their order. Changes nothing; throws when it cannot look. */
export async function pendingMigrations<DB>(
  database: Database<DB>,
  migrations: Readonly<Record<string, Migration>>,
): Promise<string[]> {
  const all = await migratorOf(database, migrations).getMigrations();
  return all.filter(({ executedAt }) => executedAt === undefined).map(({ name }) => name);
}

function migratorOf<DB>(database: Database<DB>, migrations: Readonly<Record<string, Migration>>): Migrator {
  const all = Object.entries({ ...migrations, ...sagaMigrations }).map(([name, { up }]) => [
    name,
    { up: async (db: Database<unknown>['kysely']) => void (await db.executeQuery(CompiledQuery.raw(up))) },
  ]);
  return new Migrator({
    db: database.kysely,
    provider: { getMigrations: async () => Object.fromEntries(all) },
    migrationTableName: 'migration',
    migrationLockTableName: 'migration_lock',
    // The chassis's migrations and the service's grow independently.
    allowUnorderedMigrations: true,
  });
}
