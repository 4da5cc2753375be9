import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { openDatabase, type Database } from '@weft/chassis/data/database';
import { migrate } from '@weft/chassis/data/migrations';
import { uuidv7 } from '@weft/chassis/data/uuid';
import { testDatabase } from '@weft/chassis/testing/fixtures';
import { migrations } from './migrations/index.ts';
import { deleteEndedBefore, insertSession } from './session-store.ts';
import type { Tables } from './tables.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

let database: Database<Tables>;

beforeAll(async () => {
  database = openDatabase<Tables>(await testDatabase());
  await migrate(database, migrations);
});
afterAll(() => database?.close());

test('what ended long ago is deleted in batches, what may still be asked for stays', async () => {
  const day = (n: number) => new Date(Date.UTC(2030, 0, n));
  const session = (createdAt: Date, expiresAt: Date) =>
    database.transaction((tx) =>
      insertSession(tx, {
        id: uuidv7(),
        accountId: uuidv7(),
        hash: randomBytes(32),
        now: createdAt,
        expiresAt,
      }),
    );
  for (let n = 1; n <= 5; n++) await session(day(n), day(n + 10));
  const time = { session: day(14), token: day(3) };
  const more: boolean[] = [];
  do more.push(await deleteEndedBefore(database.kysely, time, 2));
  while (more.at(-1));
  expect(more.length).toBeGreaterThan(1);
  const sessions = await database.kysely.selectFrom('session').select('expires_at').execute();
  const tokens = await database.kysely.selectFrom('refresh_token').select('created_at').execute();
  expect(sessions.map((s) => s.expires_at.getUTCDate()).sort((a, b) => a - b)).toEqual([14, 15]);
  expect(tokens.map((t) => t.created_at.getUTCDate()).sort((a, b) => a - b)).toEqual([3, 4, 5]);
});
