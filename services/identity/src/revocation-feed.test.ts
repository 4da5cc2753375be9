import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { openDatabase, type Database } from '@weft/chassis/data/database';
import { migrate } from '@weft/chassis/data/migrations';
import { createLogger } from '@weft/chassis/logger';
import { testDatabase } from '@weft/chassis/testing/fixtures';
import { eventually } from '@weft/chassis/testing/eventually';
import { migrations } from './migrations/index.ts';
import { createRevocationFeed, type RevocationFeed } from './revocation-feed.ts';
import { insertRevocation } from './revocation-store.ts';
import type { Tables } from './tables.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

const logger = createLogger({ name: 'test', level: 'silent' });
const until = new Date(Math.floor(Date.now() / 1000) * 1000 + 600_000);
const stopping = new AbortController();
let database: Database<Tables>;
let feeds: readonly RevocationFeed[];

beforeAll(async () => {
  database = openDatabase<Tables>(await testDatabase());
  await migrate(database, migrations);
  feeds = [createRevocationFeed(database, logger), createRevocationFeed(database, logger)];
  for (const { background } of feeds) background.start();
});
afterAll(async () => {
  stopping.abort();
  await Promise.all((feeds ?? []).map(({ background }) => background.stop()));
  await database?.close();
});

const revoke = async (id: string): Promise<void> =>
  database.transaction((tx) => insertRevocation(tx, id, until), { idempotent: true });

/** Follows one instance from a sequence on; what has come so far. */
function follow(feed: RevocationFeed | undefined, afterSequence: bigint) {
  const seen = { ids: [] as string[], sequence: afterSequence, answers: 0 };
  const run = async () => {
    for await (const { sequence, sessions } of feed?.watch({ afterSequence }, stopping.signal) ?? []) {
      seen.ids.push(...sessions.map(({ sessionId }) => sessionId));
      seen.sequence = sequence;
      seen.answers += 1;
    }
  };
  void run();
  return seen;
}

test('every instance tells of every session, whichever revoked it, each once and in one order', async () => {
  const watchers = feeds.map((feed) => follow(feed, 0n));
  await eventually(() => watchers.every(({ answers }) => answers > 0));
  const ids = Array.from({ length: 60 }, () => randomUUID());
  // Many at once: their transactions begin in one order and commit in another.
  await Promise.all(ids.map(revoke));
  await eventually(() => watchers.every(({ ids: seen }) => seen.length >= ids.length));
  const [one, two] = watchers;
  expect(one?.ids).toEqual(two?.ids);
  expect(one?.ids.toSorted()).toEqual(ids.toSorted());
});

test('whoever goes on at another instance misses nothing and hears nothing twice', async () => {
  const before = follow(feeds[0], 0n);
  await eventually(() => before.answers > 0);
  const from = before.sequence;
  const id = randomUUID();
  await revoke(id);
  const after = follow(feeds[1], from);
  await eventually(() => after.ids.length > 0);
  expect(after.ids).toEqual([id]);
});

test('a sequence that this database never gave is taken for a new beginning', async () => {
  const lost = follow(feeds[0], 1_000_000n);
  await eventually(() => lost.ids.length > 0);
  expect(lost.sequence).toBeLessThan(1_000n);
});

test('silence is broken every second', async () => {
  const quiet = follow(feeds[0], 0n);
  await eventually(() => quiet.answers >= 3, 5_000);
});
