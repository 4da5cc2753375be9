import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { execute } from '../data/statement.ts';
import { bytesToUuid } from '../data/uuid.ts';
import { eventually } from '../testing/eventually.ts';
import type { CrashRow, Deed } from './crash-rows.test.support.ts';
import { audit, type Placed } from './toy-audit.test.support.ts';
import { lapse, toyDatabases, totals, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop } from './toy-shop.test.support.ts';

/** What came of one row of the matrix. */
export interface Verdict {
  readonly name: string;
  /** Invariants that do not hold, and what did not happen as meant. */
  readonly faults: readonly string[];
  /** How the order ended; empty when it never was. */
  readonly end: string;
  readonly traceId: string;
  /** Every service's log of the order, by time. */
  readonly timeline: readonly string[];
}

/** A place where victims die one after the other. */
export class Scene {
  readonly databases: ToyDatabases;
  #known = new Set<string>();

  constructor(databases: ToyDatabases) {
    this.databases = databases;
  }

  static async open(): Promise<Scene> {
    const databases = await toyDatabases();
    await databases.store.kysely.updateTable('stock').set({ available: 1_000 }).execute();
    return new Scene(databases);
  }

  /** Runs a victim until it dies, others in its place until nothing is left to do, and the audit. */
  async crash({ deed, point, about }: CrashRow): Promise<Verdict> {
    const where = about === undefined ? point : `${point}:${about}`;
    return this.judge(`${deed}: ${where}`, deed === 'refuse' ? 0 : 9, async (user) => {
      const victim = this.victim(deed, `${where}=crash`, user);
      const [code, signal] = await once(victim, 'exit');
      return signal === 'SIGKILL' ? [] : [`the victim outlived it (${code ?? signal})`];
    });
  }

  victim(deed: Deed, failpoints: string, user: string): ChildProcess {
    const script = fileURLToPath(new URL('./crash-victim.test.support.ts', import.meta.url));
    return spawn(process.execPath, [script, deed, user, ...this.databases.urls], {
      env: { PATH: process.env['PATH'], WEFT_FAILPOINTS: failpoints, NODE_NO_WARNINGS: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  /** Lets `happen` happen, then others do what is left, and the books are audited. */
  async judge(
    name: string,
    money: number,
    happen: (user: string) => Promise<readonly string[]>,
  ): Promise<Verdict> {
    const user = await new ToyShop(this.databases).buyer(money);
    const before = await totals(this.databases);
    const faults: string[] = [];
    try {
      faults.push(...(await happen(user)));
      await this.rescue();
    } catch (error) {
      faults.push(String(error));
    }
    const orders = await this.#newOrders();
    faults.push(...(await audit(this.databases, orders, before)));
    const [order] = orders;
    const shop = new ToyShop(this.databases);
    return {
      name,
      faults,
      end: order === undefined ? 'never was' : await shop.status(order.id),
      ...(order === undefined ? { traceId: '', timeline: [] } : await this.#history(order.id)),
    };
  }

  /** Another process's relays, once the leases of a dead one have lapsed. */
  async rescue(): Promise<void> {
    await lapse(this.databases);
    const shop = new ToyShop(this.databases, { poll: { minMs: 20, maxMs: 60 } });
    shop.run();
    await eventually(async () => {
      const pending = await execute(
        this.databases.office.kysely,
        "SELECT 1 FROM orders WHERE status = 'PENDING' LIMIT 1",
      );
      return pending.rows.length === 0 && (await undelivered(this.databases)) === 0;
    }, 60_000);
    await shop.stop();
  }

  async #newOrders(): Promise<Placed[]> {
    const { rows } = await execute<{ id: Buffer }>(this.databases.office.kysely, 'SELECT id FROM orders');
    const fresh = rows.map(({ id }) => bytesToUuid(id)).filter((id) => !this.#known.has(id));
    this.#known = new Set([...this.#known, ...fresh]);
    return fresh.map((id) => ({ id, pieces: 1 }));
  }

  async #history(id: string): Promise<Pick<Verdict, 'traceId' | 'timeline'>> {
    const { sagas } = new ToyShop(this.databases);
    const events = (await Promise.all(sagas.map((saga) => saga.events(id)))).flat();
    const timeOf = ({ time }: (typeof events)[number]) => Number(time?.seconds) * 1e9 + (time?.nanos ?? 0);
    const timeline = events
      .toSorted((a, b) => timeOf(a) - timeOf(b))
      .map(({ step, toState }) => `${step.slice(step.lastIndexOf('/') + 1)} ${toState}`);
    return { traceId: events.find(({ traceId }) => traceId !== '')?.traceId ?? '', timeline };
  }
}

/** Resolves when a process is frozen by SIGSTOP. */
export async function frozen({ pid }: ChildProcess): Promise<void> {
  await eventually(async () => {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(pid)]);
    return stdout.startsWith('T');
  }, 60_000);
}
