import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { clearFaults, setFault } from '@weft/tools/faults';
import { openLoop } from '@weft/tools/open-loop';
import { percentiles } from '@weft/tools/percentiles';
import { startSystem, type System } from '@weft/tools/system';
import { expectOk, Rest, type Json } from './rest.ts';

// Two instances of each service, restarted one after another for as long as 100 requests a second come. PROVE=1:
// 20,000 of them.

const rate = 100;
const seconds = process.env['PROVE'] === '1' ? 200 : 12;
const services = ['catalog', 'identity', 'ordering'] as const;

let system: System;
let rest: Rest;
let admin: string;

beforeAll(async () => {
  system = await startSystem();
  await Promise.all(services.map((name) => system.start(name, { instance: 2 })));
  rest = new Rest(system.edgeUrl);
  admin = await rest.signIn(system.admin.email, system.admin.password);
}, 120_000);

afterAll(() => system?.stop(), 60_000);

test(
  'a rolling restart of every service fails no request, and streams are told to reconnect',
  async () => {
    const product = await rest.product(admin, 0.01, 1_000_000);
    const buyer = await rest.person(1_000);
    const { id: confirmed } = await rest.order(buyer.token, product.id, 1);
    await rest.settled(buyer.token, confirmed);
    const requests = [
      () => rest.get(`/v1/products/${product.id}`),
      () => rest.get('/v1/wallet', buyer.token),
      () => rest.get(`/v1/orders/${confirmed}`, buyer.token),
      () => rest.post('/v1/orders', { items: [{ productId: product.id, quantity: 1 }] }, buyer.token),
    ];
    const stopWatching = await watchPendingOrders(buyer.token, product.id);

    let loading = true;
    const load = openLoop({ rate, seconds }, async (index) => {
      expectOk(await (requests[index % requests.length] ?? fail)());
    }).finally(() => (loading = false));
    let restarts = 0;
    let reconnects: number | undefined;
    for (; loading; reconnects ??= await stopWatching())
      for (const name of services)
        for (const instance of [1, 2]) {
          if (!loading && reconnects !== undefined) break;
          await system.kill(instance === 1 ? name : `${name}-${instance}`, 'SIGTERM');
          await system.start(name, { instance });
          restarts += 1;
        }
    const { durationsMs, errors, dropped } = await load;
    process.stderr.write(
      `figures: ${durationsMs.length} requests, ${restarts} restarts, ${percentiles(durationsMs)}, ` +
        `${reconnects} streams reconnected\n`,
    );
    expect(Object.fromEntries(errors)).toEqual({});
    expect([durationsMs.length, dropped]).toEqual([rate * seconds, 0]);
    expect(restarts).toBeGreaterThanOrEqual(6);
    expect(reconnects).toBeGreaterThanOrEqual(watchers);
  },
  (seconds + 120) * 1_000,
);

const watchers = 10;

function fail(): never {
  throw new Error('there is no such request');
}

/**
 * Orders that stay PENDING, since their reservation fails, each with a client that watches it and reconnects when
 * it is told to. What is returned lets them be decided, waits until every client has seen it, and answers how
 * often one reconnected.
 */
async function watchPendingOrders(token: string, productId: string): Promise<() => Promise<number>> {
  const held = 'shop.catalog.v1.StockService/Reserve';
  const fault = { delayMs: 0, error: 'UNAVAILABLE', rate: 1 } as const;
  await setFault(system.registryUrl, { workload: 'catalog', method: held, ...fault }, 60);
  const orders = await Promise.all(Array.from({ length: watchers }, () => rest.order(token, productId, 1)));
  let reconnects = 0;
  const watch = async (id: string): Promise<string> => {
    for (; ; reconnects += 1) {
      const last = (await lines(`/v1/orders/${id}:watch`, token)).at(-1);
      if (last?.error === undefined) return String(last?.status);
      // Anything else than to come again is a failure.
      expect(last.error).toMatchObject({ status: 'UNAVAILABLE' });
    }
  };
  const seen = Promise.all(orders.map(({ id }) => watch(id)));
  seen.catch(() => undefined);
  return async () => {
    await clearFaults(system.registryUrl, 'catalog', held);
    // On a slow machine their time is up before.
    for (const status of await seen) expect(['CONFIRMED', 'REJECTED']).toContain(status);
    return reconnects;
  };
}

async function lines(path: string, token: string): Promise<Json[]> {
  const answer = await fetch(system.edgeUrl + path, {
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/x-ndjson',
      'x-request-id': randomUUID(),
    },
  });
  const text = await answer.text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Json);
}
