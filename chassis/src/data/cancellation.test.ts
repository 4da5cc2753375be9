import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { runInCall } from '../call-context.ts';
import { client } from '../client/client.ts';
import { RealServers } from '../client/real-servers.test.support.ts';
import { implement } from '../server/implement.ts';
import { echoContract, echoDefinition } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { testDatabase } from '../testing/fixtures.ts';
import { openDatabase, type Database } from './database.ts';
import { Killer } from './killer.ts';
import { defer, execute } from './statement.ts';

const methods = { report: { timeoutMs: 10_000 } } as const;
const definition = echoDefinition('test.Echo', methods);
const contract = echoContract('test.Echo', methods);

let servers: RealServers;
let url: string;
let database: Database<unknown>;
let observer: Database<unknown>;

beforeAll(async () => {
  servers = await RealServers.create();
  url = await testDatabase();
  observer = openDatabase(url, { connections: 2 });
  await execute(observer.kysely, 'CREATE TABLE piece (id INT PRIMARY KEY, held INT NOT NULL)');
});
beforeEach(async () => {
  database = openDatabase(url, { connections: 1, statementTimeoutMs: 5_000 });
  await execute(observer.kysely, 'DELETE FROM piece');
  await execute(observer.kysely, 'INSERT INTO piece VALUES (1, 0), (2, 0)');
});
afterEach(async () => {
  await servers.end();
  await database.close();
});
afterAll(() => observer.close());

/** How many statements with this text the database runs now. */
async function running(text: string): Promise<number> {
  const sql = `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE INFO LIKE ? AND ID <> CONNECTION_ID()`;
  return (await execute(observer.kysely, sql, [`%${text}%`])).rows.length;
}

const idsOf = async () =>
  (await execute<{ id: number }>(observer.kysely, 'SELECT id FROM piece ORDER BY id')).rows.map(
    ({ id }) => id,
  );

/** A call that runs `work`, and how its caller leaves it. */
function inCall<T>(work: () => Promise<T>): { result: Promise<T | { code: string }>; leave: () => void } {
  const left = new AbortController();
  const context = { path: '/a.B/C', caller: 'test', signal: left.signal };
  return { result: runInCall(context, work).catch((error) => error as never), leave: () => left.abort() };
}

test.each([
  ['cancels', 10_000],
  ['has a deadline that passes', 500],
])('the query of a handler whose caller %s is ended at the database', async (_, timeoutMs) => {
  const report = async () => String((await execute(database.kysely, 'SELECT SLEEP(30), 1')).rows.length);
  const address = await servers.serve(contract, [implement(definition, { report })]);
  const mesh = await servers.mesh(contract, [address]);
  const left = new AbortController();
  const call = client(definition, mesh).report({}, { timeoutMs, signal: left.signal });
  call.catch(() => undefined);
  await eventually(async () => (await running('SLEEP(30), 1')) === 1);
  if (timeoutMs === 10_000) left.abort();
  await expect(call).rejects.toBeDefined();
  const since = performance.now();
  await eventually(async () => (await running('SLEEP(30), 1')) === 0);
  // The pool has one connection, so it is that one which serves again.
  await execute(database.kysely, 'SELECT 1');
  expect(performance.now() - since).toBeLessThan(1_500);
});

test('a transaction that waits for a lock frees its own as soon as its caller is gone', async () => {
  const other = Promise.withResolvers<void>();
  const holding = observer.transaction(async (tx) => {
    await execute(tx, 'UPDATE piece SET held = 1 WHERE id = 2');
    await other.promise;
  });
  const { result, leave } = inCall(() =>
    database.transaction(async (tx) => {
      await execute(tx, 'UPDATE piece SET held = 2 WHERE id = 1');
      await execute(tx, 'UPDATE piece SET held = 3 WHERE id = 2');
    }),
  );
  await eventually(async () => (await running('SET held = 3')) === 1);
  const since = performance.now();
  leave();
  await expect(result).resolves.toMatchObject({ code: 'CANCELLED' });
  await execute(observer.kysely, 'UPDATE piece SET held = 4 WHERE id = 1');
  expect(performance.now() - since).toBeLessThan(1_000);
  other.resolve();
  await holding;
  await execute(database.kysely, 'SELECT 1');
});

test('a statement that takes too long is ended at the database too', async () => {
  const impatient = openDatabase(url, { connections: 1, statementTimeoutMs: 200 });
  const call = execute(impatient.kysely, 'SELECT SLEEP(30), 2');
  await expect(call).rejects.toMatchObject({ reason: 'DATABASE_TIMEOUT' });
  await eventually(async () => (await running('SLEEP(30), 2')) === 0);
  await impatient.close();
});

test('a COMMIT is waited for though its caller is gone: nobody makes its outcome unknown', async () => {
  const { result, leave } = inCall(() =>
    database.transaction(async (tx) => {
      await defer(tx, [{ sql: 'INSERT INTO piece SELECT 3, SLEEP(0.5)', parameters: [] }]);
      return 'committed';
    }),
  );
  await eventually(async () => (await running('SELECT 3, SLEEP')) === 1);
  leave();
  expect(await result).toBe('committed');
  expect(await idsOf()).toEqual([1, 2, 3]);
});

test('a write outside of a transaction is its own COMMIT', async () => {
  const { result, leave } = inCall(() => execute(database.kysely, 'INSERT INTO piece SELECT 3, SLEEP(0.5)'));
  await eventually(async () => (await running('SELECT 3, SLEEP')) === 1);
  leave();
  expect(await result).not.toMatchObject({ code: 'CANCELLED' });
  expect(await idsOf()).toEqual([1, 2, 3]);
});

test.each([
  ["WITH late AS (SELECT SLEEP(0.5) AS slept) SELECT slept, 'update' AS word FROM late", 'answered'],
  ['WITH late AS (SELECT SLEEP(20) AS slept) SELECT slept, 1 AS word FROM late', 'CANCELLED'],
])('what WITH begins may be a write, which is not broken off: %s', async (sql, outcome) => {
  const { result, leave } = inCall(async () => {
    await execute(database.kysely, sql);
    return { code: 'answered' };
  });
  await eventually(async () => (await running(sql.slice(0, 30))) === 1);
  leave();
  expect(await result).toMatchObject({ code: outcome });
});

test('a transaction whose caller is gone before COMMIT leaves nothing behind, and its connection is kept', async () => {
  const idOf = async () => (await execute(database.kysely, 'SELECT CONNECTION_ID() AS id')).rows[0];
  const before = await idOf();
  const { result, leave } = inCall(() =>
    database.transaction(async (tx) => {
      await execute(tx, 'INSERT INTO piece VALUES (3, 0)');
      leave();
    }),
  );
  await expect(result).resolves.toMatchObject({ code: 'CANCELLED' });
  expect(await idsOf()).toEqual([1, 2]);
  expect(await idOf()).toEqual(before);
});

test('a storm of calls that are given up ends no other query, and leaves no connection behind', async () => {
  const busy = openDatabase(url, { connections: 4, acquireTimeoutMs: 20_000, statementTimeoutMs: 20_000 });
  const connections = async () => {
    const sql = 'SELECT COUNT(*) AS number FROM information_schema.PROCESSLIST';
    return Number((await execute<{ number: string }>(observer.kysely, sql)).rows[0]?.number);
  };
  const before = await connections();
  for (let round = 0; round < 5; round += 1) {
    const givenUp = Array.from({ length: 4 }, () =>
      inCall(() => execute(busy.kysely, 'SELECT SLEEP(30), 5')),
    );
    await eventually(async () => (await running('SLEEP(30), 5')) === 4);
    // They wait for the connections that are about to go.
    const others = Array.from({ length: 20 }, () => execute(busy.kysely, 'SELECT SLEEP(0.01), 6'));
    for (const { leave } of givenUp) leave();
    for (const { result } of givenUp) await expect(result).resolves.toMatchObject({ code: 'CANCELLED' });
    for (const { rows } of await Promise.all(others)) expect(rows).toHaveLength(1);
  }
  await eventually(async () => (await running('SLEEP(30), 5')) === 0);
  await busy.close();
  await eventually(async () => expect(await connections()).toBeLessThanOrEqual(before));
});

test('a connection with the same number from another port is left alone', async () => {
  const killer = new Killer(url);
  const sleep = (query: string) =>
    execute(observer.kysely, query).then(
      () => 'answered',
      () => 'ended',
    );
  const [innocent, guilty] = [sleep('SELECT SLEEP(1), 3'), sleep('SELECT SLEEP(30), 4')];
  const find = async (query: string) => {
    const sql = 'SELECT ID AS id, HOST AS host FROM information_schema.PROCESSLIST WHERE INFO = ?';
    const [found] = (await execute<{ id: string; host: string }>(database.kysely, sql, [query])).rows;
    return { id: Number(found?.id), port: Number(found?.host.split(':').at(-1)) };
  };
  await eventually(async () => expect((await find('SELECT SLEEP(30), 4')).id).toBeGreaterThan(0));
  const [first, second] = [await find('SELECT SLEEP(1), 3'), await find('SELECT SLEEP(30), 4')];
  // They are looked at in this order.
  killer.kill(first.id, first.port + 1);
  killer.kill(second.id, second.port);
  expect(await guilty).toBe('ended');
  expect(await innocent).toBe('answered');
  await new Promise<void>((resolve) => killer.close(resolve));
});
