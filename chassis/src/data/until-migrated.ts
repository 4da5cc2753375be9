import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../logger.ts';
import type { Database } from './database.ts';
import { pendingMigrations, type Migration } from './migrations.ts';

const everyMs = 1_000;

/**
 * Resolves once the database answers and all of these migrations have run in it, those of the chassis included;
 * newer ones do not matter. Looks once a second (`pauseMs`), for ever, and logs what it waits for whenever that
 * is something else. Meanwhile a SIGTERM ends the process with 0: it does nothing that would have to be finished.
 */
export async function untilMigrated<DB>(
  database: Database<DB>,
  migrations: Readonly<Record<string, Migration>>,
  logger: Logger,
  pauseMs = everyMs,
): Promise<void> {
  const leave = () => process.exit(0);
  process.once('SIGTERM', leave);
  try {
    for (let told = ''; ;) {
      const missing = await whatIsMissing(database, migrations);
      if (missing === undefined) return;
      if (missing !== told) logger.info({ missing }, 'waiting for the schema');
      told = missing;
      await delay(pauseMs);
    }
  } finally {
    process.off('SIGTERM', leave);
  }
}

async function whatIsMissing<DB>(
  database: Database<DB>,
  migrations: Readonly<Record<string, Migration>>,
): Promise<string | undefined> {
  try {
    const pending = await pendingMigrations(database, migrations);
    return pending.length === 0 ? undefined : pending.join(', ');
  } catch (error) {
    return `the database: ${(error as Error).message}`;
  }
}
