import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { client, type Client } from '@weft/chassis/client/client';
import { uuidv7 } from '@weft/chassis/data/uuid';
import { eventually } from '@weft/chassis/testing/eventually';
import { startTestMesh, type TestMesh, type TestService } from '@weft/chassis/testing/mesh';
import { ProductFeedServiceService, type ProductChange } from '@weft/proto/shop/catalog/v1/feed';
import { Product, ProductServiceService } from '@weft/proto/shop/catalog/v1/product';
import { sql } from 'kysely';
import { catalog } from './service.ts';
import type { Tables } from './tables.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

let mesh: TestMesh;
let first: TestService<Tables>;
let admin: Client<ProductServiceService>;
let feed: Client<ProductFeedServiceService>;
const ending = new AbortController();

beforeAll(async () => {
  mesh = await startTestMesh();
  first = await mesh.start(catalog);
  admin = client(ProductServiceService, await mesh.as('edge', { id: uuidv7(), roles: ['admin'] }));
  feed = client(ProductFeedServiceService, await mesh.as('ordering'));
});
afterAll(async () => {
  ending.abort();
  await mesh?.close();
});

const eur = (units: bigint) => ({ currencyCode: 'EUR', units, nanos: 0 });
const create = (name: string, price = 1n) =>
  admin.createProduct({ product: Product.fromPartial({ sku: uuidv7(), name, price: eur(price) }) });
const rename = (id: string, name: string) =>
  admin.updateProduct({ product: Product.fromPartial({ id, name }), updateMask: ['name'] });

/** Follows the feed until its stream ends; what has come so far. */
function follow(afterSequence: bigint) {
  const seen = {
    changes: [] as ProductChange[],
    sequence: afterSequence,
    answers: 0,
    error: undefined as unknown,
  };
  const run = async () => {
    for await (const { sequence, changes } of feed.watchProducts(
      { afterSequence },
      { signal: ending.signal },
    )) {
      seen.changes.push(...changes);
      seen.sequence = sequence;
      seen.answers += 1;
    }
  };
  run().catch((error: unknown) => (seen.error = error));
  return seen;
}
const told = ({ changes }: { changes: ProductChange[] }, id: string) =>
  changes.filter(({ productId }) => productId === id).map(({ product }) => product);

test('ordering is told of what is created, renamed and removed, in the order of the commits', async () => {
  const stream = follow(0n);
  await eventually(() => stream.answers > 0);
  const { id } = await create('Lamp', 9n);
  await eventually(() => told(stream, id).length === 1);
  await rename(id, 'Light');
  await eventually(() => told(stream, id).length === 2);
  await admin.deleteProduct({ id, etag: '' });
  await eventually(() => told(stream, id).length === 3);
  expect(told(stream, id)).toEqual([
    { name: 'Lamp', price: eur(9n) },
    { name: 'Light', price: eur(9n) },
    undefined,
  ]);
  const sequences = stream.changes.map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.toSorted((a, b) => Number(a - b)));
});

test('a change that does not happen is not told of', async () => {
  const { id, sku } = await create('Only');
  const { sequence } = await eventuallyCurrent();
  await expect(
    admin.createProduct({ product: Product.fromPartial({ sku, name: 'Twin', price: eur(1n) }) }),
  ).rejects.toThrow('SKU');
  await rename(id, 'Sole');
  const stream = follow(sequence);
  await eventually(() => stream.changes.length > 0);
  expect(stream.changes).toEqual([
    { sequence: sequence + 1n, productId: id, product: { name: 'Sole', price: eur(1n) } },
  ]);
});

test('the feed is for ordering, and for nobody else', async () => {
  for (const workload of ['identity', 'edge']) {
    const other = client(ProductFeedServiceService, await mesh.as(workload));
    const reading = (async () => {
      for await (const _ of other.watchProducts({ afterSequence: 0n })) return;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  }
});

test('products from before there was a feed are told of once a new instance serves', async () => {
  const { id } = await create('Old');
  await sql`DELETE FROM feed_entry`.execute(first.database.kysely);
  const another = await mesh.start(catalog, { databaseUrl: first.databaseUrl });
  const stream = follow(0n);
  await eventually(() => told(stream, id).length > 0);
  expect(told(stream, id)).toEqual([{ name: 'Old', price: eur(1n) }]);
  await another.stop();
});

test('when an instance dies under its followers they go on at another and miss nothing', async () => {
  const dying = await mesh.start(catalog, { databaseUrl: first.databaseUrl });
  const ordering = await mesh.as('ordering');
  const ready = () => ordering.instances('shop.catalog.v1.ProductFeedService').filter((one) => one.ready);
  await eventually(() => ready().length === 2);
  const { sequence: from } = await eventuallyCurrent();
  // Enough that each instance has some.
  const streams = Array.from({ length: 24 }, () => follow(from));
  await eventually(() => streams.every(({ answers }) => answers > 0));
  const ids: string[] = [];
  const writing = (async () => {
    for (let n = 0; n < 40; n++) ids.push((await create(`Product ${n}`)).id);
  })();
  await eventually(() => ids.length > 10);
  await dying.stop();
  await writing;
  const broken = streams.filter(({ error }) => error !== undefined);
  expect(broken.length).toBeGreaterThan(0);
  expect(broken.length).toBeLessThan(streams.length);
  const resumed = broken.map((stream) => ({ before: stream, after: follow(stream.sequence) }));
  for (const { before, after } of resumed) {
    await eventually(() => before.changes.length + after.changes.length >= ids.length);
    expect([...before.changes, ...after.changes].map(({ productId }) => productId)).toEqual(ids);
  }
  const whole = streams.filter(({ error }) => error === undefined);
  await eventually(() => whole.every(({ changes }) => changes.length >= ids.length));
  for (const { changes } of whole) expect(changes.map(({ productId }) => productId)).toEqual(ids);
});

/** The feed's head, heard now. */
async function eventuallyCurrent(): Promise<{ sequence: bigint }> {
  for await (const { sequence, head } of feed.watchProducts({ afterSequence: 0n }))
    if (sequence === head) return { sequence };
  throw new Error('the stream ended');
}
