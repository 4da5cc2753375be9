import { openLoop } from '@weft/tools/open-loop';
import { percentiles } from '@weft/tools/percentiles';
import { watchOrder } from '@weft/tools/watch-order';
import { uuidToBytes } from '@weft/chassis/data/uuid';
import { HttpClient } from '../system/http-client.ts';
import type { PrivateSystem } from '../system/private-system.ts';
import { databaseOf, type Admin } from './admin.ts';
import type { Market } from './market.ts';
import { usageEach, usageOf, usageSince } from './usage.ts';

const rate = 100;
const seconds = 30;
const warmUpSeconds = 5;
/** One order in so many is followed by a stream of its own. */
const watchedOneIn = 10;

/**
 * Orders at a steady rate, whether answers come or not, from the moment each was due. One in ten is watched to
 * its end; of all of them the database knows when they were decided, by this machine's clock.
 */
export async function measureSteady(system: PrivateSystem, market: Market, admin: Admin): Promise<string> {
  await run(system, market, admin, warmUpSeconds);
  return run(system, market, admin, seconds);
}

async function run(system: PrivateSystem, market: Market, admin: Admin, seconds: number): Promise<string> {
  const { url } = system;
  const client = new HttpClient(url, 64);
  const dueAt = new Map<string, number>();
  const watched: number[] = [];
  const before = usageOf(system);
  const startedAt = performance.now();
  const { durationsMs, errors, dropped } = await openLoop({ rate, seconds }, async (index) => {
    const { id } = await market.place(client, index);
    const due = startedAt + (index * 1000) / rate;
    dueAt.set(id, due);
    if (index % watchedOneIn !== 0) return;
    const last = (await watchOrder(url, id, market.buyers[index % market.buyers.length]?.token ?? '')).at(-1);
    if (last?.status !== 'CONFIRMED') throw new Error(`an order is ${last?.status}`);
    watched.push(performance.now() - due);
  });
  const used = usageSince(system, before);
  await admin.decided(60_000);
  await admin.delivered(60_000);
  client.close();
  const orders = await admin.rows<{ id: string; status: string; at: Date }>(
    `SELECT LOWER(HEX(id)) AS id, status, updated_at AS at FROM ${databaseOf('ordering')}.orders
      WHERE id IN (?)`,
    [[...dueAt.keys()].map(uuidToBytes)],
  );
  const atOf = new Map(orders.filter(({ status }) => status === 'CONFIRMED').map(({ id, at }) => [id, at]));
  const confirmed = [...dueAt].flatMap(([id, due]) => {
    const at = atOf.get(id.replaceAll('-', ''));
    return at === undefined ? [] : [at.getTime() - performance.timeOrigin - due];
  });
  const failed = [...errors].map(([error, times]) => `, ${times} × ${error}`).join('');
  const failures = [...errors.values()].reduce((sum, times) => sum + times, dropped);
  return [
    `${rate} orders/s, ${seconds} s   ${dueAt.size} placed, ${confirmed.length} CONFIRMED, ${failures} errors${failed}`,
    `  to CONFIRMED       ${percentiles(watched)} (${watched.length} watched by their streams)`,
    `                     ${percentiles(confirmed)} (all, by the time in their rows)`,
    `  CPU each           ${usageEach(used, durationsMs.length)}`,
  ].join('\n');
}
