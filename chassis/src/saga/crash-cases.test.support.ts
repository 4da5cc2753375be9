import { once } from 'node:events';
import { execute } from '../data/statement.ts';
import { eventually } from '../testing/eventually.ts';
import { cutCommit } from './commit-cutter.test.support.ts';
import { frozen, type Scene, type Verdict } from './crash-matrix.test.support.ts';
import { methods } from './toy-contract.test.support.ts';
import { openToyDatabases, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop } from './toy-shop.test.support.ts';

// What is no death of a process: a broken COMMIT, a lost answer, a relay that was away, a restored backup.

const owners = ['office', 'store', 'bank'] as const;

/** The connection of a service breaks at a COMMIT, and nobody knows whether it happened: it is run again. */
export async function brokenCommit(
  scene: Scene,
  owner: 'store' | 'bank',
  when: 'before' | 'after',
): Promise<Verdict> {
  const { urls } = scene.databases;
  const name = `order: connection cut at COMMIT in the ${owner}, ${when} the server has it`;
  return scene.judge(name, 9, async (user) => {
    const cutter = await cutCommit(urls[owners.indexOf(owner)] as string, when);
    const through = urls.map((url, i) => (owners[i] === owner ? cutter.url : url));
    const databases = openToyDatabases(through as unknown as ToyDatabases['urls']);
    const shop = new ToyShop({ ...databases, office: scene.databases.office });
    shop.run();
    const id = await shop.order(user, 1);
    await eventually(
      async () => (await shop.status(id)) === 'CONFIRMED' && (await undelivered(databases)) === 0,
    );
    await shop.stop();
    await databases.close();
    cutter.close();
    return cutter.hasCut ? [] : ['no COMMIT was cut'];
  });
}

/** The receiver has committed, its answer is lost. */
export function lostAnswer(scene: Scene, of: { readonly path: string }): Promise<Verdict> {
  return scene.judge(`order: answer of ${of.path} lost`, 9, async (user) => {
    let lost = 0;
    const shop = new ToyShop(scene.databases, {
      poll: { minMs: 20, maxMs: 60 },
      fate: (path) => (path === of.path && lost++ === 0 ? { lost: 'answer' } : {}),
    });
    shop.run();
    const id = await shop.order(user, 1);
    await eventually(async () => lost > 1 && (await shop.status(id)) === 'CONFIRMED');
    await shop.stop();
    return [];
  });
}

/** A relay sleeps past its lease, another one delivers, and then the first goes on: a duplicate. */
export function pausedRelay(scene: Scene): Promise<Verdict> {
  return scene.judge('order: relay paused past its lease', 9, async (user) => {
    const victim = scene.victim('order', `send.before:${methods.charge.path}=stop`, user);
    try {
      await frozen(victim);
      await scene.rescue();
      const seen = async () =>
        (
          await execute<{ seen: number }>(
            scene.databases.bank.kysely,
            'SELECT seen FROM saga_step WHERE user_id = ?',
            [user],
          )
        ).rows[0]?.seen ?? 0;
      if ((await seen()) !== 1) return [`charged ${await seen()} times before the relay woke`];
      victim.kill('SIGCONT');
      await eventually(async () => (await seen()) === 2);
      return [];
    } finally {
      victim.kill('SIGKILL');
      if (victim.exitCode === null && victim.signalCode === null) await once(victim, 'exit');
    }
  });
}

const tables = ['stock', 'hold', 'saga_step', 'saga_log', 'saga_outbox'];

/** The store loses what came after a backup: the final cannot be obeyed, is parked, and the audit shows it. */
export async function restoredBackup(scene: Scene): Promise<Verdict> {
  const { databases } = scene;
  const on = databases.store.kysely;
  for (const table of tables) {
    await execute(on, `CREATE TABLE backup_${table} LIKE ${table}`);
    await execute(on, `INSERT INTO backup_${table} SELECT * FROM ${table}`);
  }
  let holdsBack = true;
  const shop = new ToyShop(databases, {
    poll: { minMs: 20, maxMs: 60 },
    fate: (path) => (holdsBack && path === methods.commit.path ? { lost: 'request' } : {}),
  });
  const verdict = await scene.judge('order: store restored from a backup', 9, async (user) => {
    shop.run();
    const id = await shop.order(user, 1);
    await eventually(async () => (await shop.status(id)) === 'CONFIRMED');
    for (const table of tables) {
      await execute(on, `DELETE FROM ${table}`);
      await execute(on, `INSERT INTO ${table} SELECT * FROM backup_${table}`);
    }
    holdsBack = false;
    await eventually(async () => {
      const { rows } = await execute<{ code: string }>(
        databases.office.kysely,
        "SELECT last_code AS code FROM saga_outbox WHERE state = 'parked'",
      );
      return rows[0]?.code === 'FAILED_PRECONDITION';
    });
    await shop.stop();
    return [];
  });
  const flagged = ['is still parked', 'is CONFIRMED, store: nothing', 'available: '].filter(
    (what) => !verdict.faults.some((fault) => fault.includes(what)),
  );
  return { ...verdict, faults: flagged.map((what) => `the audit does not say: ${what}`) };
}
