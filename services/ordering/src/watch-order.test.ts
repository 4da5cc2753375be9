import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Order } from '@weft/proto/shop/ordering/v1/order';
import {
  confirmation,
  item,
  startOrdering,
  Status,
  until,
  type TestOrdering,
} from './ordering.test.support.ts';
import { ordering } from './service.ts';

let shop: TestOrdering;

beforeAll(async () => {
  shop = await startOrdering();
});
afterAll(() => shop?.mesh.close());

const place = () => ({ items: [item()], expectedTotal: undefined, requestId: '' });
/** Reads a watch to its end; `seen` grows as it goes. */
const read = (orders: AsyncIterable<Order>) => {
  const seen: number[] = [];
  const ended = (async () => {
    for await (const order of orders) seen.push(order.status);
  })();
  return { seen, ended };
};

test('a watch begins with the order as it is and ends with its final status', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place());
  const watches = [1, 2, 3].map(() => read(ada.watchOrder({ id: order.id })));
  await until(() => watches.every((w) => w.seen.length === 1));
  const { saga } = await shop.reserved(order.id);
  await shop.fromIdentity.confirm(confirmation(order, saga));
  await Promise.all(watches.map((w) => w.ended));
  for (const { seen } of watches) expect(seen).toEqual([Status.PENDING, Status.CONFIRMED]);
  const late = read(ada.watchOrder({ id: order.id.toUpperCase() }));
  await late.ended;
  expect(late.seen).toEqual([Status.CONFIRMED]);
});

test('a watch of an order that is cancelled after it was confirmed begins and ends with that', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place());
  const { saga } = await shop.reserved(order.id);
  await shop.fromIdentity.confirm(confirmation(order, saga));
  await ada.cancelOrder({ id: order.id });
  const watch = read(ada.watchOrder({ id: order.id }));
  await watch.ended;
  expect(watch.seen).toEqual([Status.CANCELLED]);
});

test('a change that another instance or nobody tells of arrives too', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place());
  const watch = read(ada.watchOrder({ id: order.id }));
  await until(() => watch.seen.length === 1);
  await shop.service.database.kysely
    .updateTable('orders')
    .set({ status: 'REJECTED', version: 2 })
    .where('id', '=', Buffer.from(order.id.replaceAll('-', ''), 'hex'))
    .execute();
  await watch.ended;
  expect(watch.seen).toEqual([Status.PENDING, Status.REJECTED]);
});

test('a watch that its caller leaves is over', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place());
  for await (const { status } of ada.watchOrder({ id: order.id })) {
    expect(status).toBe(Status.PENDING);
    break;
  }
  const leaving = new AbortController();
  const watch = read(ada.watchOrder({ id: order.id }, { signal: leaving.signal }));
  await until(() => watch.seen.length === 1);
  leaving.abort();
  await expect(watch.ended).rejects.toThrow(expect.objectContaining({ code: 'CANCELLED' }));
});

test('an instance that stops ends its watches so that they go on elsewhere', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place());
  const second = await shop.mesh.start(ordering, { databaseUrl: shop.service.databaseUrl });
  const watches = Array.from({ length: 8 }, () => read(ada.watchOrder({ id: order.id })));
  await until(() => watches.every((w) => w.seen.length > 0));
  const settled = Promise.allSettled(watches.map((w) => w.ended));
  await second.stop();
  const { saga } = await shop.reserved(order.id);
  await shop.fromIdentity.confirm(confirmation(order, saga));
  const failed = (await settled).filter((result) => result.status === 'rejected');
  for (const { reason } of failed) expect(reason).toMatchObject({ code: 'UNAVAILABLE' });
});
