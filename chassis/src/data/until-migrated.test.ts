import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createLogger } from '../logger.ts';
import { eventually } from '../testing/eventually.ts';
import { testDatabase } from '../testing/fixtures.ts';
import { openDatabase, type Database } from './database.ts';
import { migrate, pendingMigrations } from './migrations.ts';
import { untilMigrated } from './until-migrated.ts';

let database: Database<unknown>;

beforeEach(async () => {
  database = openDatabase(await testDatabase());
});
afterEach(() => database.close());

const pets = { '0001_pets': { up: 'CREATE TABLE pets (id INT PRIMARY KEY)' } };
const names = { '0002_names': { up: 'ALTER TABLE pets ADD COLUMN name VARCHAR(40)' } };

function logged() {
  const lines: string[] = [];
  const logger = createLogger({ name: 'test' }, { write: (line: string) => void lines.push(line) });
  return { logger, lines };
}

test('a process waits until another has migrated, and says once for what', async () => {
  await migrate(database, pets);
  const { logger, lines } = logged();
  let through = false;
  const waiting = untilMigrated(database, { ...pets, ...names }, logger, 5).then(() => (through = true));
  await eventually(() => expect(lines).toHaveLength(1));
  expect(lines[0]).toContain('"missing":"0002_names"');
  expect(through).toBe(false);
  await migrate(database, { ...pets, ...names });
  await waiting;
  expect(lines).toHaveLength(1);
});

test('a schema that is newer than the process is good enough', async () => {
  await migrate(database, { ...pets, ...names });
  const { logger, lines } = logged();
  await untilMigrated(database, pets, logger, 5);
  expect(lines).toEqual([]);
});

test('looking at what is missing changes nothing', async () => {
  expect(await pendingMigrations(database, pets)).toContain('0001_pets');
  expect(await pendingMigrations(database, pets)).toContain('0001_pets');
});
