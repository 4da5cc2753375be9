import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { runInCall } from '../call-context.ts';
import { testDatabase } from '../testing/fixtures.ts';
import { afterCommit, isCheckViolation, isDuplicateKey, openDatabase, type Database } from './database.ts';
import { defer, execute } from './statement.ts';

interface Schema {
  piece: { id: number; held: number };
}

let database: Database<Schema>;

beforeEach(async () => {
  database = openDatabase<Schema>(await testDatabase());
  await execute(
    database.kysely,
    'CREATE TABLE piece (id INT PRIMARY KEY, held INT NOT NULL CHECK (held >= 0))',
  );
  await execute(database.kysely, 'INSERT INTO piece VALUES (1, 0), (2, 0)');
});
afterEach(() => database.close());

const held = async (id: number) =>
  (await database.kysely.selectFrom('piece').select('held').where('id', '=', id).executeTakeFirstOrThrow())
    .held;

const hold = (on: Pick<Database<Schema>['kysely'], 'updateTable'>, id: number) =>
  on
    .updateTable('piece')
    .set((e) => ({ held: e('held', '+', 1) }))
    .where('id', '=', id)
    .execute();

test('a session is in UTC, reads what is committed, and waits 2 s for a lock', async () => {
  const { rows } = await execute<{ Variable_name: string; Value: string }>(
    database.kysely,
    `SHOW SESSION VARIABLES WHERE Variable_name IN
      ('time_zone', 'innodb_lock_wait_timeout', 'tx_isolation', 'transaction_isolation')`,
  );
  expect(new Set(rows.map((row) => row.Value))).toEqual(new Set(['+00:00', '2', 'READ-COMMITTED']));
});

test('a transaction whose work throws leaves nothing behind', async () => {
  const work = database.transaction(async (tx) => {
    await hold(tx, 1);
    throw new Error('changed my mind');
  });
  await expect(work).rejects.toThrow('changed my mind');
  expect(await held(1)).toBe(0);
});

test('two transactions that lock in opposite order both commit: the one given up is run again', async () => {
  let runs = 0;
  const bothHoldOne = Promise.withResolvers<void>();
  let holding = 0;
  const inOrder = (first: number, second: number) =>
    database.transaction(async (tx) => {
      runs++;
      await hold(tx, first);
      if (++holding === 2) bothHoldOne.resolve();
      await bothHoldOne.promise;
      await hold(tx, second);
    });
  await Promise.all([inOrder(1, 2), inOrder(2, 1)]);
  expect(runs).toBeGreaterThan(2);
  expect([await held(1), await held(2)]).toEqual([2, 2]);
});

test('work that hides a deadlock is run again all the same, not committed by halves', async () => {
  const bothHoldOne = Promise.withResolvers<void>();
  let holding = 0;
  const inOrder = (first: number, second: number) =>
    database.transaction(async (tx) => {
      await hold(tx, first);
      if (++holding === 2) bothHoldOne.resolve();
      await bothHoldOne.promise;
      await hold(tx, second).catch(() => {});
      await hold(tx, second).catch(() => {});
    });
  await Promise.all([inOrder(1, 2), inOrder(2, 1)]);
  expect([await held(1), await held(2)]).toEqual([3, 3]);
});

test('what was to happen after the commit happens once, and never after a rollback', async () => {
  const happened: string[] = [];
  let runs = 0;
  await database.transaction(async (tx) => {
    afterCommit(tx, () => happened.push('committed'));
    if (++runs < 3) throw Object.assign(new Error('deadlock'), { errno: 1213 });
  });
  await database
    .transaction(async (tx) => {
      afterCommit(tx, () => happened.push('rolled back'));
      throw new Error('no');
    })
    .catch(() => {});
  expect(happened).toEqual(['committed']);
});

test('a violated key and a violated check are told from other errors', async () => {
  const duplicate = database.kysely.insertInto('piece').values({ id: 1, held: 0 }).execute();
  expect(isDuplicateKey(await duplicate.catch((error: unknown) => error))).toBe(true);
  const negative = database.kysely.updateTable('piece').set({ held: -1 }).execute();
  const error = await negative.catch((e: unknown) => e);
  expect(isCheckViolation(error)).toBe(true);
  expect(isDuplicateKey(error)).toBe(false);
});

test('work that can never win ends as ABORTED', async () => {
  const work = database.transaction(async () => {
    throw Object.assign(new Error('deadlock'), { errno: 1213 });
  });
  await expect(work).rejects.toMatchObject({ code: 'ABORTED', reason: 'CONTENTION' });
});

test('what is deferred happens with the commit, in order, and not without it', async () => {
  const add = { sql: 'UPDATE piece SET held = held + ? WHERE id = 1', parameters: [5] };
  const double = { sql: 'UPDATE piece SET held = held * 2 WHERE id = 1', parameters: [] };
  await database.transaction(async (tx) => {
    await defer(tx, [add, double]);
    await hold(tx, 1);
    expect((await execute<{ held: number }>(tx, 'SELECT held FROM piece WHERE id = 1')).rows).toEqual([
      { held: 1 },
    ]);
  });
  expect(await held(1)).toBe(12);
  await database
    .transaction(async (tx) => {
      await defer(tx, [add]);
      throw new Error('no');
    })
    .catch(() => {});
  expect(await held(1)).toBe(12);
});

test('a deferred statement that fails takes the whole transaction with it', async () => {
  const duplicate = { sql: 'INSERT INTO piece VALUES (?, 0)', parameters: [1] };
  const work = database.transaction(async (tx) => {
    await hold(tx, 2);
    await defer(tx, [duplicate]);
  });
  expect(isDuplicateKey(await work.catch((error: unknown) => error))).toBe(true);
  expect(await held(2)).toBe(0);
});

test('a statement with a second one in it is refused before it is sent', async () => {
  const injected = execute(database.kysely, 'SELECT 1; DELETE FROM piece');
  await expect(injected).rejects.toThrow('one statement');
  const { rows } = await execute<{ text: string }>(database.kysely, 'SELECT ? AS text', [
    "'; DELETE FROM piece; --",
  ]);
  expect(rows).toEqual([{ text: "'; DELETE FROM piece; --" }]);
  expect(await held(1)).toBe(0);
});

test('a call that comes too late takes no connection from the others', async () => {
  const late = {
    path: '/a.B/C',
    caller: 'test',
    deadlineMs: Date.now() - 1,
    signal: new AbortController().signal,
  };
  const asked = Array.from({ length: 40 }, () => runInCall(late, () => held(1)));
  for (const { status, ...rest } of await Promise.allSettled(asked))
    expect([status, rest]).toMatchObject(['rejected', { reason: { code: 'DEADLINE_EXCEEDED' } }]);
  expect(await held(1)).toBe(0);
});

test('a database with no room left is away, and that is no bug of the caller', async () => {
  await execute(database.kysely, 'CREATE TABLE small (id INT) ENGINE = MEMORY MAX_ROWS = 1');
  const fill = async () => {
    for (let i = 0; i < 100_000; i++)
      await execute(database.kysely, 'INSERT INTO small VALUES (1), (2), (3), (4)');
  };
  await expect(fill()).rejects.toMatchObject({ code: 'UNAVAILABLE', cause: { errno: 1114 } });
  expect(await held(1)).toBe(0);
});
