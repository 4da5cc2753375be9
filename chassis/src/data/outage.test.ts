import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runInCall } from '../call-context.ts';
import { startDatabase, type DatabaseServer } from '../testing/servers.ts';
import { openDatabase, type Database } from './database.ts';
import { execute } from './statement.ts';

let server: DatabaseServer;
let database: Database<unknown>;
let databaseUrl: string;

beforeAll(async () => {
  server = await startDatabase();
  databaseUrl = await server.createDatabase('outage');
  database = openDatabase(databaseUrl);
  await execute(database.kysely, 'CREATE TABLE mark (id INT AUTO_INCREMENT PRIMARY KEY)');
}, 30_000);
afterAll(async () => {
  await database.close();
  await server.stop();
}, 20_000);

const write = () => database.transaction((tx) => execute(tx, 'INSERT INTO mark VALUES (NULL)'));
const read = () => execute(database.kysely, 'SELECT 1');

/** What becomes of `work` in a call with `deadlineMs` left, and when. */
async function inCall(deadlineMs: number, work: () => Promise<unknown>) {
  const started = performance.now();
  const context = {
    path: '/a.B/C',
    caller: 'test',
    signal: new AbortController().signal,
    deadlineMs: Date.now() + deadlineMs,
  };
  const error = await runInCall(context, work).then(
    () => undefined,
    (e: unknown) => e,
  );
  return { error, ms: performance.now() - started };
}

/** Fills the pool with connections that know nothing of what comes. */
const warm = () => Promise.all(Array.from({ length: 8 }, () => read()));

async function recovered(timeoutMs: number): Promise<void> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    try {
      await database.ping(1_000);
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
    }
  }
}

test('a killed database is UNAVAILABLE at once, and serves again when it is back', async () => {
  await warm();
  await server.kill('SIGKILL');
  for (const work of [read, write]) {
    const { error, ms } = await inCall(2_000, work);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', message: 'the database is not available' });
    expect(ms).toBeLessThan(1_000);
  }
  await expect(database.ping(500)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await server.restart();
  await recovered(2_000);
  await Promise.all(Array.from({ length: 20 }, write));
}, 20_000);

test('a restart in between is not noticed by a transaction that comes after it', async () => {
  await warm();
  await server.restart();
  await Promise.all(Array.from({ length: 8 }, write));
}, 20_000);

test('a connection that the server has ended does not fail the transaction that meets it', async () => {
  await warm();
  const killer = openDatabase(server.adminUrl);
  const { rows } = await execute<{ id: string }>(
    killer.kysely,
    "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = 'outage'",
  );
  expect(rows.length).toBeGreaterThan(1);
  for (const { id } of rows) await execute(killer.kysely, `KILL ${id}`);
  await Promise.all(Array.from({ length: 8 }, write));
  await killer.close();
});

test('a frozen database fails calls within their deadline, all of them, and serves again when thawed', async () => {
  await warm();
  await server.kill('SIGSTOP');
  try {
    const calls = await Promise.all(
      Array.from({ length: 40 }, (_, i) => inCall(1_000, i % 2 === 0 ? read : write)),
    );
    for (const { error, ms } of calls) {
      expect(error).toMatchObject({ code: 'UNAVAILABLE' });
      expect(ms).toBeLessThan(1_000);
    }
    const started = performance.now();
    await expect(database.ping(300)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(performance.now() - started).toBeLessThan(1_500);
  } finally {
    await server.kill('SIGCONT');
  }
  await recovered(3_000);
  await Promise.all(Array.from({ length: 20 }, write));
}, 20_000);

test('a call whose deadline has passed asks nothing of the database', async () => {
  const { error } = await inCall(-1, write);
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
});

test('when no answer comes to COMMIT nobody guesses: UNKNOWN_COMMIT, or again if the work is idempotent', async () => {
  const impatient = openDatabase(databaseUrl, { statementTimeoutMs: 300 });
  let runs = 0;
  const freezeBeforeCommit = (idempotent: boolean) => {
    runs = 0;
    return impatient.transaction(
      async (tx) => {
        await execute(tx, 'INSERT INTO mark VALUES (NULL)');
        if (++runs > 1) return;
        await server.kill('SIGSTOP');
        setTimeout(() => void server.kill('SIGCONT'), 400);
      },
      { idempotent },
    );
  };
  try {
    await expect(freezeBeforeCommit(false)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'UNKNOWN_COMMIT',
    });
    expect(runs).toBe(1);
    await recovered(5_000);
    await freezeBeforeCommit(true);
    expect(runs).toBe(2);
  } finally {
    await impatient.close();
  }
}, 30_000);
