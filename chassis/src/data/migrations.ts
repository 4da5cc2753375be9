import type { Database } from './database.ts';

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
export declare function migrate<DB>(
  database: Database<DB>,
  migrations: Readonly<Record<string, Migration>>,
): Promise<string[]>;
