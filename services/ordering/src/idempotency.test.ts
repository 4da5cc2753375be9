import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { openDatabase, type Database } from '@weft/chassis/data/database';
import { migrate } from '@weft/chassis/data/migrations';
import { uuidv7 } from '@weft/chassis/data/uuid';
import { testDatabase } from '@weft/chassis/testing/fixtures';
import { once } from './idempotency.ts';
import { deleteRecordedBefore } from './idempotency-store.ts';
import { migrations } from './migrations/index.ts';
import type { Tables } from './tables.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

let database: Database<Tables>;

beforeAll(async () => {
  database = openDatabase<Tables>(await testDatabase());
  await migrate(database, migrations);
});
afterAll(() => database?.close());

const request = Buffer.from('request');
const ask = (key: { userId: string; requestId: string }, work: () => Promise<Uint8Array>) =>
  database.transaction((tx) => once(tx, key, request, work));

test('work that failed leaves no record, so the next try runs', async () => {
  const key = { userId: uuidv7(), requestId: 'a' };
  await expect(ask(key, () => Promise.reject(new Error('no stock room')))).rejects.toThrow('no stock room');
  expect(Buffer.from(await ask(key, async () => Buffer.from('done')))).toEqual(Buffer.from('done'));
});

test('ids that differ in a blank at the end or in case are different', async () => {
  const userId = uuidv7();
  for (const requestId of ['a', 'a ', 'A']) {
    const answer = await ask({ userId, requestId }, async () => Buffer.from(requestId));
    expect(Buffer.from(answer).toString()).toBe(requestId);
  }
});

test('old records are deleted in batches, those that are kept stay', async () => {
  const userId = uuidv7();
  for (let n = 0; n < 3; n++) await ask({ userId, requestId: `old ${n}` }, async () => Buffer.from('x'));
  const rows = () => database.kysely.selectFrom('idempotency').selectAll().execute();
  const before = (await rows()).length;
  expect(await deleteRecordedBefore(database.kysely, new Date(Date.now() - 3_600_000), 2)).toBe(false);
  expect(await rows()).toHaveLength(before);
  const future = new Date(Date.now() + 60_000);
  while (await deleteRecordedBefore(database.kysely, future, 2));
  expect(await rows()).toEqual([]);
});
