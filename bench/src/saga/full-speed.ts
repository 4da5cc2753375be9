import { median } from '../table.ts';
import { closedLoop } from '../system/closed-loop.ts';
import { HttpClient } from '../system/http-client.ts';
import type { PrivateSystem } from '../system/private-system.ts';
import { services, type Admin } from './admin.ts';
import { BareDatabase, hexOf } from './bare.ts';
import type { Market } from './market.ts';
import type { RecordedOrder } from './recorded-order.ts';
import { usageEach, usageOf, usageSince, type Usage } from './usage.ts';

const rounds = 2;
const seconds = 5;
const workers = 16;
const drainMs = 60_000;

interface Round {
  readonly count: number;
  readonly seconds: number;
  readonly used: Usage;
  /** Commits at the database, and statements. */
  readonly commits: number;
  readonly statements: number;
}

/**
 * Orders a second through the system, and as bare transactions with the same statements on the same database, in
 * turns: whatever else the machine does slows both.
 */
export async function measureFullSpeed(
  title: string,
  { system, market, admin, order }: FullSpeed,
): Promise<string> {
  const measured = async (run: () => Promise<{ count: number; seconds: number }>): Promise<Round> => {
    const counters = () => Promise.all(['Com_commit', 'Questions'].map((name) => admin.counter(name)));
    const [before, used] = [await counters(), usageOf(system)];
    const done = await run();
    const after = await counters();
    const [commits = 0, statements = 0] = after.map((value, i) => value - (before[i] ?? 0));
    return { ...done, used: usageSince(system, used), commits, statements };
  };
  // Opens the connections of the pools.
  await place(system, market, admin, 1);
  const connections = new Map(
    await Promise.all(services.map(async (service) => [service, await admin.connections(service)] as const)),
  );
  const bare = await BareDatabase.copy(admin, system.databaseUrl(), connections);
  try {
    const targets = {
      products: market.products.map(hexOf),
      accounts: market.buyers.map(({ id }) => hexOf(id)),
    };
    const lanes = [...connections.values()].reduce((sum, count) => sum + count, 0);
    await bare.replay(order, targets, { lanes, seconds: 1 });
    const pairs: { readonly whole: Round; readonly alone: Round }[] = [];
    for (let round = 0; round < rounds; round++) {
      const whole = await measured(() => place(system, market, admin, seconds));
      await admin.delivered(drainMs);
      pairs.push({ whole, alone: await measured(() => bare.replay(order, targets, { lanes, seconds })) });
    }
    const [wholes, alones] = [pairs.map(({ whole }) => whole), pairs.map(({ alone }) => alone)];
    const ratio = median(pairs.map(({ whole, alone }) => rate(whole) / rate(alone)));
    const held = [...connections].map(([service, count]) => `${service} ${count}`).join(', ');
    return [
      `${title.padEnd(20)} ${Math.round(median(wholes.map(rate)))}/s CONFIRMED, ${workers} lanes, ${market.products.length} products`,
      `  CPU each           ${cpu(wholes)}`,
      `  at the database    ${database(wholes)}`,
      `  bare               ${Math.round(median(alones.map(rate)))}/s: the same ${order.statements} statements over as many connections (${held})`,
      `  CPU each           ${cpu(alones)}`,
      `  at the database    ${database(alones)}`,
      `  ratio              ${ratio.toFixed(2)}`,
    ].join('\n');
  } finally {
    await bare.remove();
  }
}

/** What is measured, and with what. */
export interface FullSpeed {
  readonly system: PrivateSystem;
  readonly market: Market;
  readonly admin: Admin;
  readonly order: RecordedOrder;
}

/** Places orders one after the other on each lane; done when all are CONFIRMED. */
async function place(
  system: PrivateSystem,
  market: Market,
  admin: Admin,
  seconds: number,
): Promise<{ readonly count: number; readonly seconds: number }> {
  const client = new HttpClient(system.url, workers);
  const startedAt = performance.now();
  const { count } = await closedLoop({ workers, seconds, count: Infinity }, (index) =>
    market.place(client, index),
  );
  await admin.decided(drainMs);
  client.close();
  return { count, seconds: (performance.now() - startedAt) / 1000 };
}

const rate = ({ count, seconds }: Round) => count / seconds;

function cpu(rounds: readonly Round[]): string {
  const [last] = rounds.slice(-1);
  return last === undefined ? '' : usageEach(last.used, last.count);
}

function database(rounds: readonly Round[]): string {
  const each = (of: (round: Round) => number) =>
    median(rounds.map((round) => of(round) / round.count)).toFixed(1);
  return `${each(({ commits }) => commits)} commits, ${each(({ statements }) => statements)} statements for each order`;
}
