import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import type { Database } from '../data/database.ts';
import { migrate } from '../data/migrations.ts';
import { eventually } from '../testing/eventually.ts';
import { testDatabase } from '../testing/fixtures.ts';
import { forgetRemoved } from './entries.ts';
import type { FollowedFeed } from './follow.ts';
import { followerMigrations, publisherMigrations } from './schema.ts';
import type { FeedBatch, FeedSource } from './source.ts';
import type { FeedEntry } from './entries.ts';
import {
  astray,
  copies,
  name,
  open,
  things,
  toyFollower,
  toyMigrations,
  toySource,
  type Toys,
} from './toy-feed.test.support.ts';

let source: Database<Toys>;
let copy: Database<Toys>;
let ending: AbortController;
let followers: FollowedFeed[];

beforeEach(async () => {
  source = open(await testDatabase());
  copy = open(await testDatabase());
  ending = new AbortController();
  followers = [];
  await Promise.all([
    migrate(source, { ...toyMigrations, ...publisherMigrations }),
    migrate(copy, { ...toyMigrations, ...followerMigrations }),
  ]);
});
afterEach(async () => {
  ending.abort();
  await Promise.all(followers.map(({ background }) => background.stop()));
  await Promise.all([source.close(), copy.close()]);
});

const say = (id: number, to: string | undefined) => source.transaction((tx) => name(tx, id, to));
const follow = (watch: FeedSource['watch'] = toySource(source).watch, onClear = () => {}) => {
  const follower = toyFollower(copy, watch, { onClear });
  followers.push(follower);
  follower.background.start();
  return follower;
};
const same = async () => expect(await copies(copy.kysely)).toEqual(await things(source.kysely));
const next = async (stream: AsyncGenerator<FeedBatch<FeedEntry>>) => {
  const { value } = await stream.next();
  return value as FeedBatch<FeedEntry>;
};
const names = ({ entries }: FeedBatch<FeedEntry>) => entries.map(({ value }) => value?.toString());

test('a transaction that began first and commits last is told of, after the one that overtook it', async () => {
  const stream = toySource(source).watch(0n, ending.signal);
  expect(await next(stream)).toEqual({ sequence: 0n, head: 0n, anew: true, entries: [] });
  const overtaken = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const slow = source.transaction(async (tx) => {
    await name(tx, 1, 'slow');
    begun.resolve();
    await overtaken.promise;
  });
  await begun.promise;
  await say(2, 'fast');
  const first = await next(stream);
  expect(names(first)).toEqual(['fast']);
  overtaken.resolve();
  await slow;
  let batch = await next(stream);
  while (batch.entries.length === 0) batch = await next(stream);
  expect(names(batch)).toEqual(['slow']);
  expect(batch.entries[0]?.sequence).toBeGreaterThan(first.sequence);
});

test('a reader that goes from sequence to sequence while many write has seen the last state of all', async () => {
  const seen = new Map<number, string | undefined>();
  let last = 0n;
  const reading = (async () => {
    for await (const { entries, anew, sequence } of toySource(source).watch(0n, ending.signal)) {
      for (const entry of entries) {
        expect(entry.sequence).toBeGreaterThan(last);
        last = entry.sequence;
        seen.set(entry.key.readUInt32BE(), entry.value?.toString());
      }
      if (!anew) last = sequence;
    }
  })();
  await Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; n < 25; n++)
        await say((writer * 7 + n) % 20, n % 9 === 8 ? undefined : `${writer}.${n}`);
    }),
  );
  await eventually(() => last === 200n);
  ending.abort();
  await reading;
  const alive = [...seen].filter(([, value]) => value !== undefined).toSorted(([a], [b]) => a - b);
  expect(alive.map(([id, value]) => ({ id, name: value }))).toEqual(await things(source.kysely));
});

test('what is told of after the same place by two instances is the same', async () => {
  for (const id of [1, 2, 3]) await say(id, `v${id}`);
  const [a, b] = await Promise.all(
    [toySource(source), toySource(source)].map((one) => next(one.watch(1n, ending.signal))),
  );
  expect(a).toEqual(b);
  expect(a).toMatchObject({ sequence: 3n, head: 3n, anew: false });
});

test('more than a batch comes in parts, and only what is pulled is read', async () => {
  await source.transaction(async (tx) => {
    for (let id = 0; id < 1_100; id++) await name(tx, id, `v${id}`);
  });
  const stream = toySource(source).watch(0n, ending.signal);
  const sizes = [await next(stream), await next(stream), await next(stream)];
  expect(sizes.map(({ entries, sequence, anew }) => [entries.length, sequence, anew])).toEqual([
    [500, 500n, true],
    [500, 1_000n, false],
    [100, 1_100n, false],
  ]);
});

test('silence is broken every second by what the head is', async () => {
  await say(1, 'one');
  const stream = toySource(source).watch(1n, ending.signal);
  const quiet = { sequence: 1n, head: 1n, anew: false, entries: [] };
  expect([await next(stream), await next(stream)]).toEqual([quiet, quiet]);
});

test('a copy follows what is created, changed and removed, and knows that nothing is missing', async () => {
  await say(1, 'one');
  await say(2, 'two');
  const follower = follow();
  await eventually(same);
  await say(1, 'uno');
  await say(2, undefined);
  await say(3, 'three');
  await eventually(same);
  await eventually(() => follower.lag().changes === 0 && follower.lag().seconds < 1.5);
  expect(await follower.dependency.state()).toMatchObject({ ok: true });
});

test('several instances that follow for one copy apply each change once', async () => {
  const clears: number[] = [];
  for (let n = 0; n < 3; n++) follow(undefined, () => clears.push(n));
  await Promise.all(
    Array.from({ length: 4 }, async (_, writer) => {
      for (let n = 0; n < 20; n++) await say(writer * 20 + n, `${writer}.${n}`);
    }),
  );
  await eventually(same);
  expect(await astray(copy.kysely)).toEqual([]);
});

test('while the source is away the copy stands and its lag grows; then it catches up', async () => {
  await say(1, 'one');
  let away = false;
  const real = toySource(source);
  const follower = follow(async function* (after, signal) {
    if (away) throw new Error('away');
    for await (const batch of real.watch(after, signal)) {
      if (away) throw new Error('away');
      yield batch;
    }
  });
  await eventually(same);
  away = true;
  await say(1, 'uno');
  await eventually(() => follower.lag().seconds > 2);
  expect(await copies(copy.kysely)).toEqual([{ id: 1, name: 'one' }]);
  // What a process says that begins now: it knows from the database.
  const another = follow();
  away = false;
  await eventually(same);
  await eventually(() => [follower, another].every((one) => one.lag().seconds < 1.5));
});

test('a copy from before the deletions that are remembered begins anew', async () => {
  await say(1, 'one');
  await say(2, 'two');
  const first = follow();
  await eventually(same);
  await first.background.stop();
  await say(1, undefined);
  await say(3, 'three');
  await sql`UPDATE feed_entry SET deleted_at = deleted_at - INTERVAL 8 DAY WHERE deleted_at IS NOT NULL`.execute(
    source.kysely,
  );
  expect(await forgetRemoved(source, 'things', 7)).toBe(false);
  let clears = 0;
  follow(undefined, () => clears++);
  await eventually(same);
  expect(clears).toBe(1);
});

test('one that is new begins anew once, also where what was removed is forgotten while it is told', async () => {
  await source.transaction(async (tx) => {
    for (let id = 0; id <= 500; id++) await name(tx, id, `v${id}`);
    await name(tx, 0, undefined);
  });
  await sql`UPDATE feed_entry SET deleted_at = deleted_at - INTERVAL 8 DAY WHERE deleted_at IS NOT NULL`.execute(
    source.kysely,
  );
  await forgetRemoved(source, 'things', 7);
  const stream = toySource(source).watch(0n, ending.signal);
  // The first ends below what is forgotten.
  expect([await next(stream), await next(stream)].map(({ sequence, anew }) => [sequence, anew])).toEqual([
    [501n, true],
    [502n, false],
  ]);
});

test('a source that was set back, or a position that somebody deletes, begins anew', async () => {
  for (const id of [1, 2, 3]) await say(id, `v${id}`);
  let clears = 0;
  follow(undefined, () => clears++);
  await eventually(same);
  expect(clears).toBe(1);
  await sql`DELETE FROM feed_position`.execute(copy.kysely);
  await say(4, 'v4');
  await eventually(() => clears === 2);
  await eventually(same);
  await sql`DELETE FROM feed_entry WHERE sequence > 2`.execute(source.kysely);
  await sql`UPDATE feed_head SET head = 2`.execute(source.kysely);
  await sql`DELETE FROM thing WHERE id > 2`.execute(source.kysely);
  await eventually(() => clears === 3);
  await eventually(same);
});

test('a stream that falls silent is given up', async () => {
  await say(1, 'one');
  let streams = 0;
  const real = toySource(source);
  follow(async function* (after, signal) {
    if (streams++ === 0) await delay(60_000, undefined, { signal });
    yield* real.watch(after, signal);
  });
  await eventually(same);
  expect(streams).toBe(2);
});
