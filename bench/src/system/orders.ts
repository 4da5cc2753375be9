import { randomUUID } from 'node:crypto';
import { percentiles } from '@weft/tools/percentiles';
import { call } from '@weft/tools/rest';
import { euros, newPerson, signIn, type Order, type Product } from '@weft/tools/shop-api';
import { waitFor } from '@weft/tools/wait-for';
import { watchOrder } from '@weft/tools/watch-order';
import { closedLoop } from './closed-loop.ts';
import { HttpClient } from './http-client.ts';
import type { PrivateSystem } from './private-system.ts';

const workers = 16;
const productCount = 20;

/** Orders a second with 16 buyers at once, and how long a single order takes to be CONFIRMED. */
export async function measureOrders({ url, admin }: PrivateSystem): Promise<string> {
  const adminToken = await signIn(url, admin.email, admin.password);
  const products = await Promise.all(
    Array.from({ length: productCount }, () =>
      call<Product>(url, 'POST', '/v1/products', {
        token: adminToken,
        body: {
          sku: `BENCH-${randomUUID()}`,
          name: 'A bobbin',
          price: euros(1),
          stock: { available: 100_000 },
        },
      }),
    ),
  );
  const buyers = await Promise.all(Array.from({ length: workers }, () => newPerson(url, 900_000)));
  const client = new HttpClient(url, workers);
  const place = async (index: number) => {
    const body = { items: [{ productId: products[index % productCount]?.id, quantity: 1 }] };
    const text = await client.send('POST', '/v1/orders', buyers[index % workers]?.token, body);
    return JSON.parse(text) as Order;
  };
  const confirmed = await closedLoop({ workers: 1, count: 200, seconds: 20 }, async (index) => {
    const { id } = await place(index);
    const last = (await watchOrder(url, id, buyers[index % workers]?.token ?? '')).at(-1);
    if (last?.status !== 'CONFIRMED') throw new Error(`order ${id} is ${last?.status}`);
  });
  const placed: { id: string; token: string }[] = [];
  const startedAt = performance.now();
  const load = await closedLoop({ workers, count: 20_000, seconds: 15 }, async (index) => {
    placed.push({ id: (await place(index)).id, token: buyers[index % workers]?.token ?? '' });
  });
  // Sagas start in the order of their placing, so the last ones decide.
  const status = async ({ id, token }: { id: string; token: string }) =>
    (JSON.parse(await client.send('GET', `/v1/orders/${id}`, token)) as Order).status;
  const last = placed.slice(-workers * 4);
  const isDone = async () => (await Promise.all(last.map(status))).every((s) => s === 'CONFIRMED');
  const done = await waitFor(isDone, 60_000, 100);
  const seconds = (performance.now() - startedAt) / 1000;
  client.close();
  return [
    `order to CONFIRMED   ${percentiles(confirmed.durationsMs)} (one at a time, seen by its stream)`,
    `orders               ${Math.round(load.count / load.seconds)}/s placed, ${workers} buyers at once, ${percentiles(load.durationsMs)}`,
    `                     ${done ? Math.round(placed.length / seconds) : 'not all'}/s CONFIRMED`,
  ].join('\n');
}
