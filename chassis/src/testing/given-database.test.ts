import { expect, test } from '@jest/globals';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { createDatabase } from './create-database.ts';
import { testDatabase } from './fixtures.ts';
import { givenDatabase } from './given-database.ts';

test('a given server is left with what it had: databases and users of the run are dropped, others are not', async () => {
  const adminUrl = process.env['WEFT_TEST_DATABASE_ADMIN'] ?? '';
  const kept = new URL(await testDatabase()).username;
  const server = await givenDatabase(adminUrl);
  await createDatabase(adminUrl, `${server.prefix}one`);
  expect(await names(adminUrl, server.prefix)).toHaveLength(4);
  await server.stop();
  expect(await names(adminUrl, server.prefix)).toEqual([]);
  expect(await names(adminUrl, kept)).toEqual([kept, kept]);
});

test('a server where no database may be made is refused at once', async () => {
  await expect(givenDatabase(await testDatabase())).rejects.toThrow(/denied/);
});

async function names(adminUrl: string, prefix: string): Promise<string[]> {
  const connection = await createConnection(adminUrl);
  try {
    const [rows] = await connection.query<RowDataPacket[]>(
      `SELECT schema_name AS name FROM information_schema.schemata WHERE LEFT(schema_name, ?) = ?
        UNION ALL SELECT user FROM mysql.user WHERE LEFT(user, ?) = ?`,
      [prefix.length, prefix, prefix.length, prefix],
    );
    return rows.map((row) => String(row['name'] ?? row['NAME']));
  } finally {
    await connection.end();
  }
}
