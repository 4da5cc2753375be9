import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../testing/eventually.ts';
import { startDatabase, type DatabaseServer } from '../testing/servers.ts';
import { openDatabase, type Database } from './database.ts';
import { execute } from './statement.ts';
import { uuidToBytes, uuidv7 } from './uuid.ts';

// PROVE=1: 100,000 writes, and 20 kills of the database in the middle of them.
const prove = process.env['PROVE'] === '1';
const writes = prove ? 100_000 : 1_000;
const kills = prove ? 20 : 1;
const writers = 16;

let folder: string;
let server: DatabaseServer;
let database: Database<Record<string, never>>;

beforeAll(async () => {
  // A folder that is given makes it as durable as in production.
  folder = mkdtempSync(join(tmpdir(), 'weft-durability-'));
  server = await startDatabase({ dataDir: folder });
  database = openDatabase(await server.createDatabase('durable'));
  await execute(database.kysely, 'CREATE TABLE account (id INT PRIMARY KEY, entries INT NOT NULL)');
  await execute(database.kysely, 'CREATE TABLE entry (id BINARY(16) PRIMARY KEY, account INT NOT NULL)');
  for (let id = 0; id < writers; id++)
    await execute(database.kysely, 'INSERT INTO account VALUES (?, 0)', [id]);
}, 60_000);
afterAll(async () => {
  await database?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Two rows that belong together, as a purse and its ledger do. */
const write = (id: string, account: number) =>
  database.transaction(async (tx) => {
    await execute(tx, 'INSERT INTO entry VALUES (?, ?)', [uuidToBytes(id), account]);
    await execute(tx, 'UPDATE account SET entries = entries + 1 WHERE id = ?', [account]);
  });

test('a database that is killed again and again under load loses no acknowledged write, and halves none', async () => {
  const acknowledged = new Set<string>();
  const codes = new Set<string | undefined>();
  let failed = 0;
  let unknown = 0;
  const work = async (account: number) => {
    while (acknowledged.size < writes) {
      const id = uuidv7();
      try {
        await write(id, account);
        acknowledged.add(id);
      } catch (error) {
        const { code, reason } = error as { readonly code?: string; readonly reason?: string };
        codes.add(code);
        failed++;
        if (reason === 'UNKNOWN_COMMIT') unknown++;
        // As long as the kill lasts there is nothing to be had; a moment of it is enough.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const load = Promise.all(Array.from({ length: writers }, (_, account) => work(account)));
  for (let kill = 1; kill <= kills; kill++) {
    await eventually(() => acknowledged.size >= (writes * kill) / (kills + 1), 60_000);
    await server.kill('SIGKILL');
    await server.restart();
  }
  await load;
  expect([...codes]).toEqual(['UNAVAILABLE']);
  const { rows } = await execute<{ id: string }>(
    database.kysely,
    'SELECT LOWER(HEX(id)) AS id FROM entry ORDER BY id',
  );
  const there = new Set(rows.map(({ id }) => id));
  const lost = [...acknowledged].filter((id) => !there.has(id.replaceAll('-', '')));
  expect(lost).toEqual([]);
  // What was not acknowledged is there or not, whole or not at all, and only where the commit was unknown.
  expect(there.size - acknowledged.size).toBeLessThanOrEqual(unknown);
  const sums = await execute<{ counted: string; entries: string }>(
    database.kysely,
    'SELECT SUM(a.entries) AS entries, (SELECT COUNT(*) FROM entry) AS counted FROM account a',
  );
  expect(sums.rows[0]?.entries).toBe(sums.rows[0]?.counted);
  process.stderr.write(
    `figures: ${acknowledged.size} acknowledged writes, ${kills} kills: 0 lost, ${failed} failed, ${unknown} of them unknown and ${there.size - acknowledged.size} of those there\n`,
  );
}, 600_000);
