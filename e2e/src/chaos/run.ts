import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { all } from '@weft/tools/all';
import { openLoop } from '@weft/tools/open-loop';
import { call } from '@weft/tools/rest';
import { euros, type Product } from '@weft/tools/shop-api';
import { waitFor } from '@weft/tools/wait-for';
import { audit } from '../audit.ts';
import { startChaosSystem, type ChaosSystem } from './chaos-system.ts';
import { Client, type Met } from './client.ts';
import { inflict, targetsOf, type Event, type Inflicted } from './inflict.ts';
import type { LeftOut } from './infrastructure.ts';
import { Load, type Goods } from './load.ts';
import { newBuyer, signedInAs } from './people.ts';
import { brokenPromises } from './promises.ts';
import { seeded } from './random.ts';
import { openDatabases, rowsOf, type Databases } from './rows.ts';
import { brokenRules, type Away } from './saga-rules.ts';
import { schedule } from './schedule.ts';

const walletCents = 20_000;
/** Of the last product there are so few that they are sold out. */
const pieces = [100_000, 100_000, 100_000, 100];
const resent = 200;
const quietWithinMs = 120_000;

export interface ChaosOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Operations a second. */
  readonly rate: number;
  readonly buyers?: number;
  /** What happens, as it happens. */
  readonly tell: (event: Event) => void;
  /** Called with what this machine cannot do, before anything is broken. */
  readonly without: (leftOut: readonly LeftOut[]) => void;
}

export interface ChaosResult {
  readonly inflicted: readonly Inflicted[];
  readonly met: Met;
  readonly acknowledged: { readonly orders: number; readonly topUps: number; readonly cancellations: number };
  /** Orders by status and reason. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** From the end of the last fault and the load until nothing was under way any more. */
  readonly quietAfterMs: number;
  readonly violations: readonly string[];
  /** Where the data are; only after violations. */
  readonly folder: string | undefined;
}

/** Starts a system of its own, breaks it by the schedule of the seed under load, heals it, and audits it. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, seconds, rate, tell } = options;
  const folder = mkdtempSync(join(tmpdir(), 'weft-chaos-'));
  const system = await startChaosSystem(folder, 384 + Math.ceil(seconds * rate * 0.05));
  let violations: readonly string[] = ['the run was cut off'];
  const databases = openDatabases(system.databaseUrls);
  try {
    options.without(system.infrastructure.leftOut);
    const random = seeded(seed);
    const client = new Client(system.edgeUrls, random);
    const url = () => client.url;
    const admin = await signedInAs(url, system.admin);
    const buyers = await Promise.all(
      Array.from({ length: options.buyers ?? 8 }, () => newBuyer(url, walletCents)),
    );
    const goods = await Promise.all(
      pieces.map(async (count, i) => newGoods(url(), await admin.token(), i, count)),
    );
    const load = new Load({ client, buyers, goods, admin, random });

    const startedAt = performance.now();
    const epochMs = Date.now();
    const now = () => performance.now() - startedAt;
    const faults = schedule(seed, seconds * 1000, targetsOf(system));
    const crashes = watchCrashes(system, now, tell);
    const [inflicted] = await all([
      inflict(system, faults, now, tell),
      openLoop({ rate, seconds, maxInFlight: 200 }, () => load.one()),
    ]);
    tell({ atMs: now(), what: 'everything is mended, and the load has ended' });
    const endedAt = performance.now();
    await load.settle(resent);
    const quiet = await untilQuiet(databases);
    const quietAfterMs = performance.now() - endedAt;
    tell({ atMs: now(), what: quiet ? 'nothing is under way any more' : 'something is still under way' });
    const found = await audit(system);
    violations = [
      ...(await crashes.stop()),
      ...(quiet ? [] : [`not quiet ${quietWithinMs / 1000} s after everything was mended`]),
      ...found.faults,
      ...(await brokenRules(databases, undecidable(inflicted, epochMs))),
      ...(await brokenPromises(databases, load, buyers, goods)),
    ];
    return {
      inflicted,
      met: client.met(),
      acknowledged: {
        orders: load.orders.filter(({ id }) => id !== undefined).length,
        topUps: load.topUps.filter(({ acknowledged }) => acknowledged === true).length,
        cancellations: load.orders.filter(({ cancelled }) => cancelled === true).length,
      },
      outcomes: await outcomesOf(databases),
      quietAfterMs,
      violations,
      folder: violations.length > 0 ? folder : undefined,
    };
  } finally {
    await databases.close();
    await system.stop(violations.length > 0);
  }
}

async function newGoods(url: string, token: string, index: number, count: number): Promise<Goods> {
  const price = 100 + index;
  const body = { sku: `CHAOS-${index}`, name: 'A bobbin', price: euros(price), stock: { available: count } };
  const { id } = await call<Product>(url, 'POST', '/v1/products', { token, body });
  return { id, pieces: count, prices: [{ cents: price, acknowledged: true }] };
}

/** Whether, within two minutes, each order is decided and each message delivered. */
async function untilQuiet(databases: Databases): Promise<boolean> {
  const count = async (name: 'catalog' | 'identity' | 'ordering', sql: string) =>
    Number((await rowsOf<{ n: string }>(databases[name], sql))[0]?.n);
  const outbox = "SELECT COUNT(*) n FROM saga_outbox WHERE state = 'pending'";
  return waitFor(
    async () => {
      const open = await Promise.all([
        count('ordering', "SELECT COUNT(*) n FROM saga WHERE state = 'PENDING'"),
        count('catalog', outbox),
        count('identity', outbox),
        count('ordering', outbox),
      ]);
      return open.every((n) => n === 0);
    },
    quietWithinMs,
    100,
  );
}

/** A process may die of being killed, and of nothing else. One that does is started again. */
function watchCrashes(system: ChaosSystem, now: () => number, tell: ChaosOptions['tell']) {
  const crashes: string[] = [];
  const ended = new AbortController();
  const watching = (async () => {
    while (!ended.signal.aborted) {
      for (const name of system.crashed()) {
        crashes.push(`${name} ended by itself ${(now() / 1000).toFixed(1)} s after the load began`);
        tell({ atMs: now(), what: `${name}: ended by itself` });
        await system.startAgain(name);
      }
      await sleep(200);
    }
  })();
  return {
    stop: async () => {
      ended.abort();
      await watching;
      return crashes;
    },
  };
}

/** When no ordering or no database was there to decide, or the way to it was cut; with the time to come back. */
function undecidable(inflicted: readonly Inflicted[], epochMs: number): Away[] {
  return inflicted
    .filter(({ fault: { kind, target } }) =>
      [target, kind].some((name) => /^(ordering|database)|disk full/.test(name)),
    )
    .map(({ fromMs, toMs }) => ({ fromMs: epochMs + fromMs, toMs: epochMs + toMs }));
}

async function outcomesOf({ ordering }: Databases): Promise<ReadonlyMap<string, number>> {
  const rows = await rowsOf<{ outcome: string; n: string }>(
    ordering,
    "SELECT TRIM(CONCAT(status, ' ', COALESCE(reason, ''))) outcome, COUNT(*) n FROM orders GROUP BY 1 ORDER BY 1",
  );
  return new Map(rows.map(({ outcome, n }) => [outcome, Number(n)]));
}
