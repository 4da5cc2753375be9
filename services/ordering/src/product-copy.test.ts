import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { client, type Client } from '@weft/chassis/client/client';
import { openDatabase, type Database } from '@weft/chassis/data/database';
import { migrate } from '@weft/chassis/data/migrations';
import { bytesToUuid, uuidToBytes, uuidv7 } from '@weft/chassis/data/uuid';
import { publish } from '@weft/chassis/feed/publish';
import { publisherMigrations } from '@weft/chassis/feed/schema';
import { feedSource } from '@weft/chassis/feed/source';
import { implement } from '@weft/chassis/server/implement';
import { eventually } from '@weft/chassis/testing/eventually';
import { testDatabase } from '@weft/chassis/testing/fixtures';
import { startTestMesh, type TestMesh, type TestService } from '@weft/chassis/testing/mesh';
import { ProductFeedServiceService, ProductState } from '@weft/proto/shop/catalog/v1/feed';
import { Order_Status as Status, OrderServiceService } from '@weft/proto/shop/ordering/v1/order';
import { ordering } from './service.ts';
import type { Tables } from './tables.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

/** A catalog that does nothing but tell of its products. */
const startCatalog = () =>
  mesh.startPlain({
    name: 'catalog',
    build({ logger }) {
      const { watch } = feedSource(source, 'products', logger);
      return {
        services: [
          implement(ProductFeedServiceService, {
            async *watchProducts({ afterSequence }, { signal }) {
              for await (const { entries, ...batch } of watch(afterSequence, signal))
                yield {
                  ...batch,
                  changes: entries.map(({ sequence, key, value }) => ({
                    sequence,
                    productId: bytesToUuid(key),
                    product: value && ProductState.decode(value),
                  })),
                };
            },
          }),
        ],
      };
    },
  });

let mesh: TestMesh;
let source: Database<unknown>;
let catalog: { stop(): Promise<void> };
let orders: TestService<Tables>;
let ada: Client<OrderServiceService>;

beforeAll(async () => {
  mesh = await startTestMesh();
  source = openDatabase(await testDatabase());
  await migrate(source, publisherMigrations);
  catalog = await startCatalog();
  orders = await mesh.start(ordering);
  await mesh.start(ordering, { databaseUrl: orders.databaseUrl });
  ada = client(OrderServiceService, await mesh.as('edge', { id: uuidv7(), roles: [] }));
});
afterAll(async () => {
  await mesh?.close();
  await source?.close();
});

const eur = (units: number) => ({ currencyCode: 'EUR', units: BigInt(units), nanos: 0 });
const tell = (id: string, name: string | undefined, price = 1) =>
  source.transaction((tx) => {
    const state = name === undefined ? undefined : ProductState.encode({ name, price: eur(price) }).finish();
    return publish(tx, 'products', uuidToBytes(id), state);
  });
const copied = async () => {
  const rows = await orders.database.kysely.selectFrom('product_copy').selectAll().execute();
  return new Map(rows.map((row) => [bytesToUuid(row.product_id), row.name]));
};
const place = (...ids: string[]) =>
  ada.placeOrder({
    items: ids.map((productId) => ({ productId, quantity: 2 })),
    expectedTotal: undefined,
    requestId: '',
  });

test('an order has the names and prices that were told last at once, and no total', async () => {
  const [lamp, unknown] = [uuidv7(), uuidv7()];
  await tell(lamp, 'Lamp', 9);
  await eventually(async () => expect((await copied()).get(lamp)).toBe('Lamp'));
  const order = await place(lamp, unknown);
  expect(order).toMatchObject({
    status: Status.PENDING,
    total: undefined,
    items: [
      { productId: lamp, name: 'Lamp', unitPrice: eur(9), quantity: 2 },
      { productId: unknown, name: '', unitPrice: undefined, quantity: 2 },
    ],
  });
  expect(await ada.getOrder({ id: order.id })).toEqual(order);
});

test('a new name shows in new orders; a removed product is not known any more', async () => {
  const [lamp, chair] = [uuidv7(), uuidv7()];
  await tell(lamp, 'Lamp');
  await tell(chair, 'Chair');
  await eventually(async () => expect((await copied()).get(chair)).toBe('Chair'));
  const before = await place(lamp);
  await tell(lamp, 'Light', 2);
  await tell(chair, undefined);
  await eventually(async () => expect((await copied()).has(chair)).toBe(false));
  expect((await place(lamp)).items).toMatchObject([{ name: 'Light', unitPrice: eur(2) }]);
  expect((await place(chair)).items).toMatchObject([{ name: '', unitPrice: undefined }]);
  expect((await ada.getOrder({ id: before.id })).items).toMatchObject([{ name: 'Lamp', unitPrice: eur(1) }]);
});

test('the copy is the source when instances of both sides have died under many changes', async () => {
  const ids = Array.from({ length: 20 }, uuidv7);
  const names = new Map<string, string>();
  let writing = true;
  const writers = [0, 1, 2].map(async (writer) => {
    for (let n = 0; writing; n++) {
      const id = ids[(writer * 7 + n) % ids.length] as string;
      await tell(id, `${writer}.${n}`);
    }
  });
  for (let round = 0; round < 2; round++) {
    const started = await copied();
    const other = await startCatalog();
    const follower = await mesh.start(ordering, { databaseUrl: orders.databaseUrl });
    await eventually(async () => expect(await copied()).not.toEqual(started));
    await Promise.all([other.stop(), follower.stop()]);
  }
  writing = false;
  await Promise.all(writers);
  for (const id of ids) {
    names.set(id, `last of ${id}`);
    await tell(id, `last of ${id}`);
  }
  await eventually(async () =>
    expect(Object.fromEntries(await copied())).toMatchObject(Object.fromEntries(names)),
  );
});

test('while the catalog is away orders are placed with what was heard last', async () => {
  const lamp = uuidv7();
  await tell(lamp, 'Lamp');
  await eventually(async () => expect((await copied()).get(lamp)).toBe('Lamp'));
  await catalog.stop();
  expect((await place(lamp)).items).toMatchObject([{ name: 'Lamp', unitPrice: eur(1) }]);
});
