import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { client, type Client } from '@weft/chassis/client/client';
import { uuidToBytes, uuidv7 } from '@weft/chassis/data/uuid';
import type { ServiceError } from '@weft/chassis/errors';
import { implement } from '@weft/chassis/server/implement';
import { startTestMesh, type TestMesh, type TestService } from '@weft/chassis/testing/mesh';
import { Product, ProductServiceService } from '@weft/proto/shop/catalog/v1/product';
import { StockServiceService, type ReserveRequest } from '@weft/proto/shop/catalog/v1/stock';
import { WalletServiceService, type ChargeRequest } from '@weft/proto/shop/identity/v1/wallet';
import { OrderSagaServiceService } from '@weft/proto/shop/ordering/v1/saga';
import { SagaMessage, SagaReply_Outcome as Outcome, type SagaFailure } from '@weft/proto/weft/v1/saga';
import { sql } from 'kysely';
import { catalog } from './service.ts';
import type { Tables } from './tables.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

let mesh: TestMesh;
let service: TestService<Tables>;
let admin: Client<ProductServiceService>;
let stock: Client<StockServiceService>;
/** What the services after and before the catalog were told, by saga. */
const charged = new Map<string, ChargeRequest>();
const failed = new Map<string, SagaFailure>();

beforeAll(async () => {
  mesh = await startTestMesh();
  service = await mesh.start(catalog);
  const told =
    <R extends { saga: { sagaId: Buffer } | undefined }>(by: Map<string, R>) =>
    async (request: R) => {
      by.set(request.saga?.sagaId.toString('hex') ?? '', request);
      return { outcome: Outcome.DONE, reason: '' };
    };
  const silent = () => Promise.reject(new Error('not part of this test'));
  await mesh.startPlain({
    name: 'identity',
    build: () => ({
      services: [
        implement(WalletServiceService, {
          charge: told(charged),
          refund: silent,
          refundOrder: silent,
          listWalletEvents: silent,
          getWallet: silent,
          topUp: silent,
        }),
      ],
    }),
  });
  await mesh.startPlain({
    name: 'ordering',
    build: () => ({
      services: [
        implement(OrderSagaServiceService, { confirm: silent, fail: told(failed), getOutcome: silent }),
      ],
    }),
  });
  admin = client(ProductServiceService, await mesh.as('edge', { id: uuidv7(), roles: ['admin'] }));
  stock = client(StockServiceService, await mesh.as('ordering'));
});

afterAll(() => mesh?.close());

const price = (cents: number) => ({
  currencyCode: 'EUR',
  units: BigInt(Math.floor(cents / 100)),
  nanos: (cents % 100) * 10_000_000,
});
const create = (available: number, cents = 100) =>
  admin.createProduct({
    product: Product.fromPartial({ sku: uuidv7(), name: 'Lamp', price: price(cents), stock: { available } }),
  });
const saga = (id: string) => ({
  sagaId: uuidToBytes(id),
  userId: uuidv7(),
  deadline: { seconds: BigInt(Math.floor(Date.now() / 1000) + 30), nanos: 0 },
});
const reserve = (
  id: string,
  items: ReserveRequest['items'],
  expectedTotal?: ReserveRequest['expectedTotal'],
) => stock.reserve({ saga: saga(id), items, expectedTotal });
const message = (id: string) => SagaMessage.fromPartial({ saga: saga(id) });
const stockOf = async ({ id }: Product) => (await admin.getProduct({ id })).stock;
const held = async () =>
  service.database.kysely.selectFrom('reservation').selectAll().where('state', '=', 'HELD').execute();
const until = async <T>(read: () => T | undefined): Promise<T> => {
  for (;;) {
    const value = read();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
const hex = (id: string) => uuidToBytes(id).toString('hex');

test('an order is held, priced by the catalog, and passed on to be charged', async () => {
  const [lamp, bulb] = await Promise.all([create(10, 999), create(5, 150)]);
  const id = uuidv7();
  const items = [
    { productId: lamp.id, quantity: 3 },
    { productId: bulb.id.toUpperCase(), quantity: 2 },
  ];
  expect(await reserve(id, items, price(3 * 999 + 2 * 150))).toEqual({ outcome: Outcome.DONE, reason: '' });
  expect([await stockOf(lamp), await stockOf(bulb)]).toEqual([
    { available: 7, reserved: 3 },
    { available: 3, reserved: 2 },
  ]);
  const request = await until(() => charged.get(hex(id)));
  expect(request.amount).toEqual(price(3297));
  expect(request.items).toEqual([
    { productId: lamp.id, name: 'Lamp', quantity: 3, unitPrice: price(999) },
    { productId: bulb.id, name: 'Lamp', quantity: 2, unitPrice: price(150) },
  ]);
});

test('pieces that are held are given back, or sold, once', async () => {
  const lamp = await create(10);
  const [undone, sold] = [uuidv7(), uuidv7()];
  for (const id of [undone, sold]) await reserve(id, [{ productId: lamp.id, quantity: 4 }]);
  for (let n = 0; n < 2; n++) {
    await stock.release(message(undone));
    await stock.commit(message(sold));
  }
  expect(await stockOf(lamp)).toEqual({ available: 6, reserved: 0 });
  expect((await held()).filter((row) => row.product_id.equals(uuidToBytes(lamp.id)))).toEqual([]);
});

test('pieces that the stock has not on record as reserved are neither sold nor given back', async () => {
  const lamp = await create(5);
  const id = uuidv7();
  await reserve(id, [{ productId: lamp.id, quantity: 2 }]);
  const recorded = (reserved: number) =>
    service.database.kysely
      .updateTable('stock')
      .set({ reserved })
      .where('product_id', '=', uuidToBytes(lamp.id))
      .execute();
  await recorded(1);
  await expect(stock.commit(message(id))).rejects.toMatchObject({ code: 'INTERNAL' });
  await expect(stock.release(message(id))).rejects.toMatchObject({ code: 'INTERNAL' });
  expect(await stockOf(lamp)).toEqual({ available: 3, reserved: 1 });
  await recorded(2);
  expect(await stock.release(message(id))).toMatchObject({ outcome: Outcome.DONE });
  expect(await stockOf(lamp)).toEqual({ available: 5, reserved: 0 });
});

test('a reservation that comes after its undo has no effect', async () => {
  const lamp = await create(10);
  const id = uuidv7();
  await stock.release(message(id));
  expect(await reserve(id, [{ productId: lamp.id, quantity: 4 }])).toMatchObject({
    outcome: Outcome.CANCELLED,
  });
  expect(await stockOf(lamp)).toEqual({ available: 10, reserved: 0 });
});

test('what cannot be is refused with its reason, holds nothing, and the arbiter is told', async () => {
  const [many, few] = await Promise.all([create(10, 500), create(1)]);
  const cases = [
    [
      'OUT_OF_STOCK',
      [
        { productId: many.id, quantity: 1 },
        { productId: few.id, quantity: 2 },
      ],
      undefined,
    ],
    [
      'PRODUCT_NOT_FOUND',
      [
        { productId: many.id, quantity: 1 },
        { productId: uuidv7(), quantity: 1 },
      ],
      undefined,
    ],
    ['PRICE_CHANGED', [{ productId: many.id, quantity: 2 }], price(999)],
  ] as const;
  for (const [reason, items, expectedTotal] of cases) {
    const id = uuidv7();
    expect(await reserve(id, [...items], expectedTotal)).toEqual({ outcome: Outcome.REFUSED, reason });
    expect(await until(() => failed.get(hex(id)))).toMatchObject({
      reason,
      step: 'shop.catalog.v1.StockService/Reserve',
    });
  }
  expect([await stockOf(many), await stockOf(few)]).toEqual([
    { available: 10, reserved: 0 },
    { available: 1, reserved: 0 },
  ]);
});

test('of 50 buyers of the last 10 pieces, in any order of products, exactly 10 get them', async () => {
  const [a, b] = await Promise.all([create(10), create(1000)]);
  const replies = await Promise.all(
    Array.from({ length: 50 }, (_, n) => {
      const items = [a.id, b.id].map((productId) => ({ productId, quantity: 1 }));
      return reserve(uuidv7(), n % 2 === 0 ? items : items.reverse());
    }),
  );
  expect(replies.filter((r) => r.outcome === Outcome.DONE)).toHaveLength(10);
  expect(replies.filter((r) => r.reason === 'OUT_OF_STOCK')).toHaveLength(40);
  expect([await stockOf(a), await stockOf(b)]).toEqual([
    { available: 0, reserved: 10 },
    { available: 990, reserved: 10 },
  ]);
});

test('large orders of the same products in any order all get theirs, and give it back', async () => {
  const products = await Promise.all(Array.from({ length: 40 }, () => create(100)));
  const ids = Array.from({ length: 12 }, () => uuidv7());
  const replies = await Promise.all(
    ids.map((id, n) => {
      const items = products.map(({ id: productId }) => ({ productId, quantity: 2 }));
      return reserve(id, [...items.slice(n * 3), ...items.slice(0, n * 3)].reverse());
    }),
  );
  expect(replies.every((r) => r.outcome === Outcome.DONE)).toBe(true);
  expect(await Promise.all(products.map(stockOf))).toEqual(
    products.map(() => ({ available: 76, reserved: 24 })),
  );
  await Promise.all(
    ids.map((id, n) => (n % 2 === 0 ? stock.release(message(id)) : stock.commit(message(id)))),
  );
  expect(await Promise.all(products.map(stockOf))).toEqual(
    products.map(() => ({ available: 88, reserved: 0 })),
  );
});

test('a product that an open order holds cannot be removed, and one that is removed cannot be ordered', async () => {
  const lamp = await create(5);
  const id = uuidv7();
  await reserve(id, [{ productId: lamp.id, quantity: 1 }]);
  await expect(admin.deleteProduct({ id: lamp.id, etag: '' })).rejects.toThrow(
    expect.objectContaining({ code: 'FAILED_PRECONDITION', reason: 'PRODUCT_RESERVED' }),
  );
  await stock.release(message(id));
  await admin.deleteProduct({ id: lamp.id, etag: '' });
  expect(await reserve(uuidv7(), [{ productId: lamp.id, quantity: 1 }])).toMatchObject({
    reason: 'PRODUCT_NOT_FOUND',
  });
});

test('a reservation that no order can have is an error and holds nothing', async () => {
  const lamp = await create(5);
  const bad = [
    [],
    [{ productId: 'x', quantity: 1 }],
    [{ productId: lamp.id, quantity: 0 }],
    [
      { productId: lamp.id, quantity: 1 },
      { productId: lamp.id.toUpperCase(), quantity: 1 },
    ],
  ];
  for (const items of bad)
    await expect(reserve(uuidv7(), items)).rejects.toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  expect(await stockOf(lamp)).toEqual({ available: 5, reserved: 0 });
});

/** The books of a product; they must balance whenever they are read. */
const books = async ({ id }: Product) => {
  const { available, reserved, sold, stocked } = await service.database.kysely
    .selectFrom('stock')
    .selectAll()
    .where('product_id', '=', uuidToBytes(id))
    .executeTakeFirstOrThrow();
  expect(available + reserved + Number(sold)).toBe(Number(stocked));
  return { available, reserved, sold: Number(sold) };
};
const restock = (header: ReturnType<typeof saga>, items: ReserveRequest['items']) =>
  stock.restock({ saga: header, items });

test('pieces of a cancelled order come back once, whether their sale comes before, after, or both again', async () => {
  const [lamp, bulb] = await Promise.all([create(10), create(10)]);
  const untouched = { available: 10, reserved: 0, sold: 0 };
  const orders = ['CR', 'RC', 'CCRR', 'CRCR', 'CRRC', 'RCCR', 'RCRC', 'RRCC'];
  for (const order of orders) {
    const [id, header] = [uuidv7(), saga(uuidv7())];
    header.sagaId = uuidToBytes(id);
    const items = [bulb, lamp].map(({ id: productId }, n) => ({ productId, quantity: n + 1 }));
    await reserve(id, items);
    for (const [at, letter] of order.split('').entries()) {
      if (letter === 'C') await stock.commit(message(id));
      else await restock(header, items);
      const restocked = order.slice(0, at + 1).includes('R');
      expect([order, at, await books(lamp)]).toEqual([
        order,
        at,
        restocked ? untouched : { available: 8, reserved: 0, sold: 2 },
      ]);
    }
    expect([order, await books(lamp), await books(bulb)]).toEqual([order, untouched, untouched]);
  }
});

test('pieces of cancelled orders come back once when everything comes at the same time', async () => {
  const products = await Promise.all(Array.from({ length: 8 }, () => create(100)));
  const cancelled = Array.from({ length: 8 }, (_, n) => {
    const items = products.map(({ id: productId }) => ({ productId, quantity: 2 }));
    return { id: uuidv7(), items: [...items.slice(n), ...items.slice(0, n)] };
  });
  /** As a relay does: until it is answered. */
  const deliver = async (send: () => Promise<unknown>): Promise<void> => {
    for (;;)
      try {
        return void (await send());
      } catch (error) {
        if (!['DEADLINE_EXCEEDED', 'UNAVAILABLE', 'ABORTED'].includes((error as ServiceError).code))
          throw error;
      }
  };
  for (const { id, items } of cancelled) await deliver(() => reserve(id, items));
  await Promise.all(
    cancelled.flatMap(({ id, items }, n) => {
      const header = saga(id);
      const back = () => restock(header, items);
      const sale = () => stock.commit(message(id));
      return (n % 2 === 0 ? [back, sale, back, sale] : [sale, back, sale, back]).map(deliver);
    }),
  );
  for (const product of products)
    expect(await books(product)).toEqual({ available: 100, reserved: 0, sold: 0 });
});

test('pieces come back where nothing is on record of their sale, not twice, and not where their product is gone', async () => {
  const [lamp, bulb] = await Promise.all([create(10), create(10)]);
  const items = [lamp, bulb].map(({ id: productId }) => ({ productId, quantity: 4 }));
  const [forgotten, gone] = [uuidv7(), uuidv7()];
  for (const id of [forgotten, gone]) {
    await reserve(id, items);
    await stock.commit(message(id));
  }
  const { kysely } = service.database;
  await kysely.deleteFrom('reservation').where('saga_id', '=', uuidToBytes(forgotten)).execute();
  await restock(saga(forgotten), items);
  expect(await books(lamp)).toEqual({ available: 6, reserved: 0, sold: 4 });
  await sql`DELETE FROM saga_step WHERE saga_id = ${uuidToBytes(forgotten)}`.execute(kysely);
  await restock(saga(forgotten), items);
  expect(await books(lamp)).toEqual({ available: 6, reserved: 0, sold: 4 });
  await admin.deleteProduct({ id: bulb.id, etag: '' });
  expect(await restock(saga(gone), items)).toMatchObject({ outcome: Outcome.DONE });
  expect(await books(lamp)).toEqual({ available: 10, reserved: 0, sold: 0 });
});

test('a restock that no order can have is an error, and one that comes with other pieces too', async () => {
  const lamp = await create(10);
  const id = uuidv7();
  const header = saga(id);
  await reserve(id, [{ productId: lamp.id, quantity: 4 }]);
  const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
  await expect(restock(header, [])).rejects.toThrow(invalid);
  await expect(restock(header, [{ productId: lamp.id, quantity: 0 }])).rejects.toThrow(invalid);
  await restock(header, [{ productId: lamp.id, quantity: 4 }]);
  await expect(restock(header, [{ productId: lamp.id, quantity: 5 }])).rejects.toThrow(
    expect.objectContaining({ reason: 'SAGA_PAYLOAD_CHANGED' }),
  );
  expect(await books(lamp)).toEqual({ available: 10, reserved: 0, sold: 0 });
});

test('the log of an order tells what happened to its pieces', async () => {
  const lamp = await create(5);
  const id = uuidv7();
  await reserve(id, [{ productId: lamp.id, quantity: 1 }]);
  await stock.commit(message(id));
  const { events } = await stock.listStockEvents(message(id));
  expect(events.map((e) => [e.service, e.fromState, e.toState])).toEqual([
    ['catalog', 'NEW', 'DONE'],
    ['catalog', 'DONE', 'COMMITTED'],
  ]);
});

test('nobody but ordering moves pieces', async () => {
  for (const workload of ['edge', 'identity', 'operator']) {
    const other = client(StockServiceService, await mesh.as(workload, { id: uuidv7(), roles: ['admin'] }));
    for (const attempt of [
      other.release(message(uuidv7())),
      other.restock({ saga: saga(uuidv7()), items: [] }),
    ])
      await expect(attempt).rejects.toThrow(expect.objectContaining({ code: 'PERMISSION_DENIED' }));
  }
});
