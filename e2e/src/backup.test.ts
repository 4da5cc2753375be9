import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openDatabase } from '@weft/chassis/data/database';
import { execute } from '@weft/chassis/data/statement';
import { testDatabase } from '@weft/chassis/testing/fixtures';

const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');

test('a database that was backed up and restored as operations.md says has every byte it had', async () => {
  const section = page.split(/^## /m).find((part) => part.startsWith('Backup and restore\n')) ?? '';
  const [backup = '', restore = ''] = [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(
    ([, code]) => code,
  );
  expect([backup, restore]).toEqual([
    expect.stringContaining('mysqldump'),
    expect.stringContaining('mysql '),
  ]);

  const url = await testDatabase();
  const { hostname, port, username, password, pathname } = new URL(url);
  const folder = mkdtempSync(join(tmpdir(), 'weft-backup-'));
  const database = openDatabase(url);
  const run = (command: string) =>
    spawnSync('sh', ['-ec', command], {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        DB_HOST: hostname,
        DB_PORT: port,
        DB_USER: username,
        DB_NAME: pathname.slice(1),
        MYSQL_PWD: password,
      },
    });
  try {
    const on = database.kysely;
    await execute(
      on,
      'CREATE TABLE thing (id BINARY(16) PRIMARY KEY, name TEXT, at DATETIME(6), sum DECIMAL(20,4))',
    );
    const id = Buffer.from('00ff275c0a0d1a22c3289f92a9808001', 'hex');
    const row = [id, "O'Brien \\ 🧵\n", '2026-01-02 03:04:05.123456', '12345678901234.5678'];
    await execute(on, 'INSERT INTO thing VALUES (?, ?, ?, ?)', row);
    const all =
      'SELECT HEX(id) AS id, HEX(name) AS name, CAST(at AS CHAR) AS at, CAST(sum AS CHAR) AS sum FROM thing';
    const { rows: before } = await execute(on, all);
    expect(before).toHaveLength(1);

    expect(run(backup)).toMatchObject({ status: 0, stderr: '' });
    await execute(on, "UPDATE thing SET name = 'after the backup'");
    await execute(on, "INSERT INTO thing (id) VALUES ('another')");
    expect(run(restore)).toMatchObject({ status: 0, stderr: '' });
    expect((await execute(on, all)).rows).toEqual(before);
  } finally {
    await database.close();
    rmSync(folder, { recursive: true });
  }
});
