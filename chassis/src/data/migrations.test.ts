import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { testDatabase } from '../testing/fixtures.ts';
import { openDatabase, type Database } from './database.ts';
import { migrate } from './migrations.ts';
import { execute } from './statement.ts';

let database: Database<unknown>;

beforeEach(async () => {
  database = openDatabase(await testDatabase());
});
afterEach(() => database.close());

const pets = { '0001_pets': { up: 'CREATE TABLE pets (id INT PRIMARY KEY)' } };
const names = { '0002_names': { up: 'ALTER TABLE pets ADD COLUMN name VARCHAR(40) NOT NULL' } };

test('migrations run once, in order, with the saga tables among them', async () => {
  const ran = await migrate(database, { ...names, ...pets });
  expect(ran.filter((name) => !name.startsWith('chassis_'))).toEqual(['0001_pets', '0002_names']);
  expect(ran).toContain('chassis_0003_saga_outbox');
  expect(await migrate(database, { ...names, ...pets })).toEqual([]);
});

test('a migration of the service runs although the chassis has run newer names', async () => {
  await migrate(database, pets);
  expect(await migrate(database, { ...pets, ...names })).toEqual(['0002_names']);
});

test('of several processes at once, one migrates', async () => {
  const ran = await Promise.all([1, 2, 3].map(() => migrate(database, pets)));
  expect(ran.filter((result) => result.length > 0)).toHaveLength(1);
});

test('a migration that fails is named, and those before it stay', async () => {
  const broken = migrate(database, { ...pets, '0002_typo': { up: 'ALTER TABEL pets' } });
  await expect(broken).rejects.toThrow('0002_typo');
  const { rows } = await execute(database.kysely, 'SELECT * FROM pets');
  expect(rows).toEqual([]);
});
