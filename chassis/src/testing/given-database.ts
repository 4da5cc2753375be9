import { randomBytes } from 'node:crypto';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { createDatabase } from './create-database.ts';

/** What tests need of a database server. */
export interface TestDatabaseServer {
  /** `mysql://` URL of a user who may do everything. */
  readonly adminUrl: string;
  /** What the names of all databases of this run begin with. */
  readonly prefix: string;
  stop(): Promise<void>;
}

/**
 * A server that runs already, MySQL or MariaDB, for a run of the tests. `stop` leaves it running and drops the
 * databases and users of this run, which their prefix tells from all others.
 *
 * @param adminUrl `mysql://` URL of a user who may make databases and users. Throws where it may not.
 */
export async function givenDatabase(adminUrl: string): Promise<TestDatabaseServer> {
  const prefix = `test_${randomBytes(4).toString('hex')}_`;
  await createDatabase(adminUrl, `${prefix}probe`);
  return { adminUrl, prefix, stop: () => dropDatabases(adminUrl, prefix) };
}

async function dropDatabases(adminUrl: string, prefix: string): Promise<void> {
  const connection = await createConnection({ uri: adminUrl, connectTimeout: 5_000 });
  try {
    const [databases] = await connection.query<RowDataPacket[]>(
      'SELECT schema_name AS name FROM information_schema.schemata WHERE LEFT(schema_name, ?) = ?',
      [prefix.length, prefix],
    );
    for (const { name } of databases) {
      await connection.query('DROP DATABASE ??', [name]);
      await connection.query('DROP USER IF EXISTS ?', [name]);
    }
  } finally {
    await connection.end();
  }
}
