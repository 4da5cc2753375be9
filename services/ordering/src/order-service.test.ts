import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { uuidv7 } from '@weft/chassis/data/uuid';
import { Order, Order_Reason as Reason } from '@weft/proto/shop/ordering/v1/order';
import {
  confirmation,
  eur,
  failure,
  item,
  Outcome,
  startOrdering,
  Status,
  until,
  type TestOrdering,
} from './ordering.test.support.ts';

let shop: TestOrdering;

beforeAll(async () => {
  shop = await startOrdering();
});
afterAll(() => shop?.mesh.close());

const place = (items = [item()], requestId = '') => ({ items, expectedTotal: undefined, requestId });
const confirm = async (order: Order) => {
  const { saga } = await shop.reserved(order.id);
  return shop.fromIdentity.confirm(confirmation(order, saga));
};
const fail = async (order: Order, reason: string) => {
  const { saga } = await shop.reserved(order.id);
  return shop.fromCatalog.fail({ saga, step: 'shop.catalog.v1.StockService/Reserve', reason });
};
const invalid = (...texts: string[]) =>
  expect.objectContaining({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(texts.map((t) => t.replace(/[[\].]/g, '\\$&')).join('.*')),
  });

test('an order is PENDING at once, and the catalog is asked to reserve what was asked for', async () => {
  const ada = await shop.person();
  const items = [item(3), item(1)];
  const order = await ada.placeOrder({ ...place(items), expectedTotal: eur(10) });
  expect(order).toMatchObject({
    userId: ada.id,
    status: Status.PENDING,
    reason: Reason.REASON_UNSPECIFIED,
    total: undefined,
    items: items.map((i) => ({ ...i, name: '', unitPrice: undefined })),
  });
  expect(await ada.getOrder({ id: order.id })).toEqual(order);
  const request = await shop.reserved(order.id);
  expect(request).toMatchObject({ items, expectedTotal: eur(10), saga: { userId: ada.id } });
  const deadline = Number(request.saga?.deadline?.seconds) * 1000;
  expect(deadline - Date.now()).toBeGreaterThan(25_000);
});

test('a confirmation brings names and prices, and the pieces are sold', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place([item(3), item(1)]));
  for (let n = 0; n < 2; n++) expect(await confirm(order)).toMatchObject({ outcome: Outcome.DONE });
  const confirmed = await ada.getOrder({ id: order.id });
  expect(confirmed).toEqual({
    ...order,
    status: Status.CONFIRMED,
    items: order.items.map((i) => ({ ...i, name: `Product ${i.productId}`, unitPrice: eur(1) })),
    total: eur(4),
    etag: confirmed.etag,
    updateTime: confirmed.updateTime,
  });
  expect(confirmed.etag).not.toBe(order.etag);
  await until(() => shop.told(order.id).includes('Commit'));
  expect(shop.told(order.id)).toEqual(['Reserve', 'Commit']);
});

test('a refusal rejects the order with its reason and undoes every participant', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place());
  await fail(order, 'INSUFFICIENT_FUNDS');
  expect(await ada.getOrder({ id: order.id })).toMatchObject({
    status: Status.REJECTED,
    reason: Reason.INSUFFICIENT_FUNDS,
  });
  await until(() => shop.told(order.id).length === 3);
  expect([...shop.told(order.id)].sort()).toEqual(['Refund', 'Release', 'Reserve']);
  expect(await confirm(order)).toMatchObject({ outcome: Outcome.CANCELLED });
});

test('a reason that the contract does not know is kept', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place());
  await fail(order, 'WAREHOUSE_ON_FIRE');
  expect(await ada.getOrder({ id: order.id })).toMatchObject({
    status: Status.REJECTED,
    reason: Reason.REASON_UNSPECIFIED,
  });
  const { events } = await ada.getOrderTimeline({ id: order.id });
  expect(events.map((e) => e.reason)).toContain('WAREHOUSE_ON_FIRE');
});

test('whoever decides first has decided, whatever comes at the same time', async () => {
  const ada = await shop.person();
  for (let n = 0; n < 5; n++) {
    const order = await ada.placeOrder(place());
    await shop.reserved(order.id);
    await Promise.allSettled([
      confirm(order),
      fail(order, 'OUT_OF_STOCK'),
      ada.cancelOrder({ id: order.id }),
    ]);
    const { status, total } = await ada.getOrder({ id: order.id });
    // A total: it was confirmed, and a cancel may have come after that.
    const sold = total === undefined ? [] : ['Commit'];
    const follows =
      status === Status.CANCELLED && total !== undefined ? ['Commit', 'RefundOrder', 'Restock'] : sold;
    const expected = ['Reserve', ...(total === undefined ? ['Refund', 'Release'] : follows)];
    await until(() => shop.told(order.id).length >= expected.length);
    expect(shop.told(order.id).toSorted()).toEqual(expected.toSorted());
  }
});

test('an order that makes no sense is refused with all its faults, and nothing is placed', async () => {
  const ada = await shop.person();
  const twice = uuidv7();
  const refused = async (request: Parameters<typeof ada.placeOrder>[0], ...fields: string[]) =>
    expect(ada.placeOrder(request)).rejects.toThrow(invalid(...fields));
  await refused(place([]), 'items: ');
  await refused(place(Array.from({ length: 101 }, () => item())), 'items: ');
  await refused(
    place([item(1, 'x'), item(0), item(-1), item(1001)]),
    'items[0].product_id',
    'items[1].quantity',
    'items[2].quantity',
    'items[3].quantity',
  );
  await refused(place([item(1, twice), item(1, twice.toUpperCase())]), 'items[1].product_id');
  await refused(
    { ...place(), expectedTotal: { ...eur(1), nanos: 5 }, requestId: 'é' },
    'expected_total.nanos',
    'request_id',
  );
  await refused(
    { ...place(), expectedTotal: { ...eur(0), currencyCode: 'USD' } },
    'expected_total.currency_code',
    'expected_total',
  );
  expect((await ada.listOrders({ pageSize: 0, pageToken: '' })).orders).toEqual([]);
});

test('the largest order with every fault still gets its answer', async () => {
  const ada = await shop.person();
  const worst = Array.from({ length: 100 }, () => item(0, 'x'));
  await expect(ada.placeOrder(place(worst))).rejects.toThrow(
    invalid('items[0].product_id', 'items[99].quantity'),
  );
});

test('the largest order is placed and confirmed', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place(Array.from({ length: 100 }, () => item(1000))));
  await confirm(order);
  expect((await ada.getOrder({ id: order.id })).items.every((i) => i.unitPrice !== undefined)).toBe(true);
});

test('a request sent again gets the first answer, byte for byte, whatever became of the order', async () => {
  const ada = await shop.person();
  const request = place([item(2)], 'key 1');
  const first = await ada.placeOrder(request);
  await confirm(first);
  const again = await ada.placeOrder(request);
  expect(Order.encode(again).finish()).toEqual(Order.encode(first).finish());
  await expect(ada.placeOrder(place([item(2)], 'key 1'))).rejects.toThrow(
    failure('ALREADY_EXISTS', 'IDEMPOTENCY_KEY_REUSED'),
  );
  await expect(ada.placeOrder({ ...request, expectedTotal: eur(2) })).rejects.toThrow(
    failure('ALREADY_EXISTS', 'IDEMPOTENCY_KEY_REUSED'),
  );
  const bob = await shop.person();
  expect((await bob.placeOrder(request)).id).not.toBe(first.id);
});

test('50 requests at once with one key give one order', async () => {
  const ada = await shop.person();
  const request = place([item()], 'at once');
  const orders = await Promise.all(Array.from({ length: 50 }, () => ada.placeOrder(request)));
  expect(new Set(orders.map((o) => o.id)).size).toBe(1);
  expect((await ada.listOrders({ pageSize: 0, pageToken: '' })).orders).toHaveLength(1);
});

test('a key is free again after 24 hours', async () => {
  const ada = await shop.person();
  const first = await ada.placeOrder(place([item()], 'old'));
  const yesterday = new Date(Date.now() - 24 * 3_600_000 - 1000);
  await shop.service.database.kysely.updateTable('idempotency').set({ created_at: yesterday }).execute();
  const second = await ada.placeOrder(place([item()], 'old'));
  expect(second.id).not.toBe(first.id);
});

test('a person sees their own orders alone, an admin sees all', async () => {
  const [ada, bob, admin] = await Promise.all([shop.person(), shop.person(), shop.person('admin')]);
  const { id } = await ada.placeOrder(place());
  const missing = failure('NOT_FOUND', 'ORDER_NOT_FOUND');
  const watched = async () => {
    for await (const order of bob.watchOrder({ id })) return order;
  };
  for (const attempt of [
    bob.getOrder({ id }),
    bob.cancelOrder({ id }),
    bob.getOrderTimeline({ id }),
    watched(),
  ])
    await expect(attempt).rejects.toThrow(missing);
  for (const unknown of [uuidv7(), 'x', ''])
    await expect(ada.getOrder({ id: unknown })).rejects.toThrow(missing);
  expect((await admin.getOrder({ id })).id).toBe(id);
  const all = await admin.listOrders({ pageSize: 1000, pageToken: '' });
  expect(all.orders.map((o) => o.id)).toContain(id);
  expect((await bob.listOrders({ pageSize: 0, pageToken: '' })).orders).toEqual([]);
});

test('pages of orders hold each once, newest first, and their tokens are nobody else’s', async () => {
  const [ada, bob] = await Promise.all([shop.person(), shop.person()]);
  const made: string[] = [];
  for (let n = 0; n < 5; n++) made.unshift((await ada.placeOrder(place())).id);
  const seen: string[] = [];
  let pageToken = '';
  do {
    const page = await ada.listOrders({ pageSize: 2, pageToken });
    seen.push(...page.orders.map((o) => o.id));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(seen).toEqual(made);
  const { nextPageToken } = await ada.listOrders({ pageSize: 2, pageToken: '' });
  await expect(bob.listOrders({ pageSize: 2, pageToken: nextPageToken })).rejects.toThrow(
    invalid('page_token'),
  );
});

test('an order is cancelled while it is open, again without effect, and not once it is rejected', async () => {
  const ada = await shop.person();
  const open = await ada.placeOrder(place());
  const cancelled = await ada.cancelOrder({ id: open.id });
  expect(cancelled).toMatchObject({ status: Status.CANCELLED, reason: Reason.REASON_UNSPECIFIED });
  expect(await ada.cancelOrder({ id: open.id })).toEqual(cancelled);
  await until(() => shop.told(open.id).includes('Release') && shop.told(open.id).includes('Refund'));
  const rejected = await ada.placeOrder(place());
  await fail(rejected, 'OUT_OF_STOCK');
  await expect(ada.cancelOrder({ id: rejected.id })).rejects.toThrow(
    failure('FAILED_PRECONDITION', 'ORDER_DECIDED'),
  );
  expect(shop.told(rejected.id)).not.toContain('RefundOrder');
});

test('a confirmed order is cancelled: what was paid and sold is given back, in its own amounts, once', async () => {
  const ada = await shop.person();
  const items = [item(3), item(1)];
  const order = await ada.placeOrder(place(items));
  await confirm(order);
  const confirmed = await ada.getOrder({ id: order.id });
  const cancelled = await ada.cancelOrder({ id: order.id });
  expect(cancelled).toEqual({
    ...confirmed,
    status: Status.CANCELLED,
    etag: cancelled.etag,
    updateTime: cancelled.updateTime,
  });
  expect(cancelled.etag).not.toBe(confirmed.etag);
  expect(await shop.refunded(order.id)).toMatchObject({ amount: eur(4), saga: { userId: ada.id } });
  expect(await shop.restocked(order.id)).toMatchObject({ items, saga: { userId: ada.id } });
  expect(await ada.cancelOrder({ id: order.id })).toEqual(cancelled);
  expect(await confirm(order)).toMatchObject({ outcome: Outcome.DONE });
  expect((await ada.getOrder({ id: order.id })).status).toBe(Status.CANCELLED);
  await until(() => shop.told(order.id).length === 4);
  expect(shop.told(order.id).toSorted()).toEqual(['Commit', 'RefundOrder', 'Reserve', 'Restock']);
  const { events } = await ada.getOrderTimeline({ id: order.id });
  expect(events.filter((e) => e.service === 'ordering').map((e) => [e.step, e.fromState, e.toState])).toEqual(
    [
      ['shop.ordering.v1.OrderService/PlaceOrder', 'NEW', 'DONE'],
      ['shop.ordering.v1.OrderService/PlaceOrder', 'DONE', 'COMMITTED'],
      ['shop.ordering.v1.OrderService/CancelOrder', 'NEW', 'COMMITTED'],
    ],
  );
});

test('ten cancels of a confirmed order at once are one', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place());
  await confirm(order);
  const answers = await Promise.all(Array.from({ length: 10 }, () => ada.cancelOrder({ id: order.id })));
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  await until(() => shop.told(order.id).length === 4);
  const logged = await shop.service.database.kysely
    .selectFrom('saga_log' as never)
    .select('step' as never)
    .where('saga_id' as never, '=', Buffer.from(order.id.replaceAll('-', ''), 'hex') as never)
    .where('step' as never, 'like', '%CancelOrder' as never)
    .execute();
  expect(logged).toHaveLength(1);
});

test('a timeline has the events of all services by time, and is refused while one is away', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place());
  const { orderId, events } = await ada.getOrderTimeline({ id: order.id });
  expect(orderId).toBe(order.id);
  expect(events.map((e) => e.service)).toEqual(['identity', 'catalog', 'ordering']);
  await shop.stopIdentity();
  await expect(ada.getOrderTimeline({ id: order.id }, { retry: false })).rejects.toThrow(
    failure('UNAVAILABLE', 'TIMELINE_INCOMPLETE'),
  );
  await shop.startIdentity();
});

test('nobody but the participants decides an order', async () => {
  const ada = await shop.person('admin');
  const order = await ada.placeOrder(place());
  const { saga } = await shop.reserved(order.id);
  await expect(shop.fromCatalog.confirm(confirmation(order, saga))).rejects.toThrow(
    failure('PERMISSION_DENIED', 'CALLER_NOT_ALLOWED'),
  );
});

test('a confirmation without prices is an error and decides nothing', async () => {
  const ada = await shop.person();
  const order = await ada.placeOrder(place());
  const { saga } = await shop.reserved(order.id);
  await expect(shop.fromIdentity.confirm({ saga, items: order.items, total: undefined })).rejects.toThrow(
    invalid('total'),
  );
  expect((await ada.getOrder({ id: order.id })).status).toBe(Status.PENDING);
});
