import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import type { Database } from '../data/database.ts';
import { migrate } from '../data/migrations.ts';
import { eventually } from '../testing/eventually.ts';
import { testDatabase } from '../testing/fixtures.ts';
import { followerMigrations, publisherMigrations } from './schema.ts';
import { astray, copies, name, open, things, toyMigrations, type Toys } from './toy-feed.test.support.ts';

const kills = 4;
let urls: string[];
let source: Database<Toys>;
let copy: Database<Toys>;
const children: ChildProcess[] = [];

beforeAll(async () => {
  urls = [await testDatabase(), await testDatabase()];
  [source, copy] = urls.map(open) as [Database<Toys>, Database<Toys>];
  await migrate(source, { ...toyMigrations, ...publisherMigrations });
  await migrate(copy, { ...toyMigrations, ...followerMigrations });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([source?.close(), copy?.close()]);
});

function victim(where = ''): ChildProcess {
  const script = fileURLToPath(new URL('./victim.test.support.ts', import.meta.url));
  const child = spawn(process.execPath, [script, ...urls, where], {
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(child);
  return child;
}

const count = async () => {
  const { rows } = await sql<{ n: string }>`SELECT COUNT(*) AS n FROM applied`.execute(copy.kysely);
  return Number(rows[0]?.n);
};

test('a follower that is killed again and again while many write misses nothing and applies nothing twice', async () => {
  let writing = true;
  let published = 0;
  const writers = Array.from({ length: 3 }, async (_, writer) => {
    for (let n = 0; writing; n++) {
      // Most are never changed again, so that who is told of them again would apply them again.
      const id = writer * 100_000 + n;
      await source.transaction((tx) =>
        n % 7 === 6 ? name(tx, id - 3, undefined) : name(tx, id, `${writer}.${n}`),
      );
      published += 1;
      await delay(20);
    }
  });
  try {
    for (let n = 0; n < kills; n++) {
      // On either side of a commit, or wherever it happens to be.
      const where = ['before', '', 'after'][n % 3] as string;
      const before = await count();
      const child = victim(where);
      const exit = once(child, 'exit');
      if (where === '') {
        await eventually(async () => (await count()) > before);
        await delay(Math.random() * 100);
        child.kill('SIGKILL');
      }
      expect((await exit)[1]).toBe('SIGKILL');
    }
  } finally {
    writing = false;
    await Promise.all(writers);
  }
  victim();
  await eventually(async () => expect(await copies(copy.kysely)).toEqual(await things(source.kysely)));
  const { rows: heads } = await sql<{ head: string }>`SELECT head FROM feed_head`.execute(source.kysely);
  expect(heads).toEqual([{ head: String(published) }]);
  const { rows: positions } = await sql`SELECT sequence FROM feed_position`.execute(copy.kysely);
  await eventually(() => expect(positions).toEqual([{ sequence: String(published) }]));
  expect(await astray(copy.kysely)).toEqual([]);
}, 60_000);
