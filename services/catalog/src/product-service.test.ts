import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { client, type Client } from '@weft/chassis/client/client';
import { uuidv7 } from '@weft/chassis/data/uuid';
import { startTestMesh, type TestMesh, type TestService } from '@weft/chassis/testing/mesh';
import { Product, ProductServiceService, type DeepPartial } from '@weft/proto/shop/catalog/v1/product';
import { catalog } from './service.ts';
import type { Tables } from './tables.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

let mesh: TestMesh;
let service: TestService<Tables>;
let admin: Client<ProductServiceService>;
let visitor: Client<ProductServiceService>;

beforeAll(async () => {
  mesh = await startTestMesh();
  service = await mesh.start(catalog);
  admin = client(ProductServiceService, await mesh.as('edge', { id: uuidv7(), roles: ['admin'] }));
  visitor = client(ProductServiceService, await mesh.as('edge'));
});

afterAll(() => mesh?.close());

type Fields = DeepPartial<Product>;

let count = 0;
const product = (fields: Fields = {}) =>
  Product.fromPartial({
    sku: `SKU-${count++}`,
    name: 'Lamp',
    price: { currencyCode: 'EUR', units: 9n, nanos: 990_000_000 },
    stock: { available: 10 },
    ...fields,
  });
const create = (fields?: Fields) => admin.createProduct({ product: product(fields) });
const update = (fields: Fields, updateMask?: string[]) =>
  admin.updateProduct({ product: Product.fromPartial(fields), updateMask });
const failure = (code: string, reason: string) => expect.objectContaining({ code, reason });
const invalid = (...texts: string[]) =>
  expect.objectContaining({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(texts.map((t) => t.replace(/[[\].]/g, '\\$&')).join('.*')),
  });

test('a product is created with all its fields, and is read as it was answered', async () => {
  const asked = product({ description: 'Two\nlines', tags: ['b', 'a', 'b'] });
  const created = await admin.createProduct({ product: asked });
  expect(created).toMatchObject({
    sku: asked.sku,
    name: 'Lamp',
    description: 'Two\nlines',
    price: asked.price,
    stock: { available: 10, reserved: 0 },
    tags: ['b', 'a', 'b'],
  });
  expect(created.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  expect(await visitor.getProduct({ id: created.id })).toEqual(created);
  expect(await visitor.getProduct({ id: created.id.toUpperCase() })).toEqual(created);
});

test('an invalid product is refused with all its faults', async () => {
  const bad = product({
    sku: ' ',
    name: '',
    stock: { available: -1 },
    price: { currencyCode: 'EUR', units: 1n, nanos: 1 },
  });
  await expect(admin.createProduct({ product: bad })).rejects.toThrow(
    invalid('product.sku', 'product.name', 'product.price.nanos', 'product.stock.available'),
  );
  await expect(admin.createProduct({ product: undefined })).rejects.toThrow(invalid('product'));
});

test('a SKU is taken once, also when two admins want it at the same time', async () => {
  const same = product();
  const results = await Promise.allSettled([1, 2, 3].map(() => admin.createProduct({ product: same })));
  expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
  await expect(admin.createProduct({ product: same })).rejects.toThrow(
    failure('ALREADY_EXISTS', 'SKU_TAKEN'),
  );
  const other = await create();
  await expect(update({ id: other.id, sku: same.sku })).rejects.toThrow(
    failure('ALREADY_EXISTS', 'SKU_TAKEN'),
  );
});

test('only an admin changes the catalog', async () => {
  const user = client(ProductServiceService, await mesh.as('edge', { id: uuidv7(), roles: [] }));
  await expect(user.createProduct({ product: product() })).rejects.toThrow(
    failure('PERMISSION_DENIED', 'ROLE_REQUIRED'),
  );
  await expect(visitor.createProduct({ product: product() })).rejects.toThrow(
    failure('UNAUTHENTICATED', 'TOKEN_REQUIRED'),
  );
});

test('an id that is unknown or no id at all is not found', async () => {
  const missing = failure('NOT_FOUND', 'PRODUCT_NOT_FOUND');
  for (const id of [uuidv7(), 'x', '', '%00', 'x'.repeat(5000)]) {
    await expect(visitor.getProduct({ id })).rejects.toThrow(missing);
    await expect(visitor.batchGetProducts({ ids: [id] })).rejects.toThrow(missing);
    await expect(update({ id, name: 'x' })).rejects.toThrow(missing);
    await expect(admin.deleteProduct({ id, etag: '' })).rejects.toThrow(missing);
    await expect(admin.adjustStock({ id, delta: 1 })).rejects.toThrow(missing);
  }
});

test('an update without a mask changes what is set, with one what it names', async () => {
  const before = await create({ description: 'old', tags: ['old'] });
  const renamed = await update({ id: before.id, name: 'Torch' });
  expect(renamed).toEqual({ ...before, name: 'Torch', etag: renamed.etag, updateTime: renamed.updateTime });
  expect(renamed.etag).not.toBe(before.etag);
  const masked = await update({ id: before.id, name: 'ignored', tags: ['new'] }, ['description', 'tags']);
  expect(masked).toMatchObject({ name: 'Torch', description: '', tags: ['new'] });
  expect(await visitor.getProduct({ id: before.id })).toEqual(masked);
});

test('a product that was read can be sent back as it is', async () => {
  const read = await create({ tags: ['a'] });
  const same = await update(read);
  expect(same).toEqual({ ...read, etag: same.etag, updateTime: same.updateTime });
  await expect(update({ ...same, stock: { available: 11 } })).rejects.toThrow(invalid('product.stock'));
});

test('a mask with paths that cannot be changed is refused, each by its name', async () => {
  const { id } = await create();
  await expect(
    update({ id, name: '' }, ['id', 'colour', 'stock.available', 'price.units', 'name']),
  ).rejects.toThrow(invalid('"id"', '"colour"', '"stock.available"', '"price.units"', 'product.name'));
});

test('with an old etag nothing is changed or removed', async () => {
  const old = await create();
  const current = await update({ id: old.id, name: 'Torch', etag: old.etag });
  const mismatch = failure('ABORTED', 'ETAG_MISMATCH');
  await expect(update({ id: old.id, name: 'Lost', etag: old.etag })).rejects.toThrow(mismatch);
  await expect(admin.deleteProduct({ id: old.id, etag: old.etag })).rejects.toThrow(mismatch);
  await admin.deleteProduct({ id: old.id, etag: current.etag });
  await expect(visitor.getProduct({ id: old.id })).rejects.toThrow(failure('NOT_FOUND', 'PRODUCT_NOT_FOUND'));
});

test('of updates at the same time with the same etag one wins', async () => {
  const { id, etag } = await create();
  const results = await Promise.allSettled(
    [1, 2, 3, 4, 5].map((n) => update({ id, name: `Lamp ${n}`, etag })),
  );
  expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
});

test('several products come in the order asked for, or not at all', async () => {
  const [a, b] = await Promise.all([create(), create()]);
  const { products } = await visitor.batchGetProducts({ ids: [b.id, a.id, b.id.toUpperCase()] });
  expect(products).toEqual([b, a, b]);
  await expect(visitor.batchGetProducts({ ids: [a.id, uuidv7()] })).rejects.toThrow(
    failure('NOT_FOUND', 'PRODUCT_NOT_FOUND'),
  );
  await expect(visitor.batchGetProducts({ ids: [] })).rejects.toThrow(invalid('ids'));
  await expect(visitor.batchGetProducts({ ids: Array(101).fill(a.id) })).rejects.toThrow(invalid('ids'));
});

test('pages hold every product once, newest first, whatever is added meanwhile', async () => {
  const made: string[] = [];
  for (let n = 0; n < 5; n++) made.unshift((await create({ tags: ['paged'] })).id);
  const seen: string[] = [];
  let pageToken = '';
  do {
    const page = await visitor.listProducts({ pageSize: 2, pageToken, query: 'PAGED' });
    seen.push(...page.products.map((p) => p.id));
    pageToken = page.nextPageToken;
    await create({ tags: ['paged'] });
  } while (pageToken !== '');
  expect(seen).toEqual(made);
});

test('a page token is good for its own query and as it was given', async () => {
  for (let n = 0; n < 2; n++) await create({ tags: ['tokened'] });
  const list = (pageToken: string, query: string) => visitor.listProducts({ pageSize: 1, pageToken, query });
  const { nextPageToken } = await list('', 'tokened');
  expect((await list(nextPageToken, 'tokened')).products).toHaveLength(1);
  await expect(list(nextPageToken, 'other')).rejects.toThrow(invalid('page_token'));
  await expect(list(`${nextPageToken}A`, 'tokened')).rejects.toThrow(invalid('page_token'));
  await expect(list('x', '')).rejects.toThrow(invalid('page_token'));
  await expect(visitor.listProducts({ pageSize: -1, pageToken: '', query: '' })).rejects.toThrow(
    invalid('page_size'),
  );
  await expect(list('', 'x'.repeat(201))).rejects.toThrow(invalid('query'));
});

test('a query finds text in name, SKU and tags, and takes nothing in it for a pattern', async () => {
  const odd = await create({ sku: `Odd_${uuidv7()}`, name: '100% \u00c9toile|', tags: ['Kitchen Ware'] });
  const found = async (query: string) =>
    (await visitor.listProducts({ pageSize: 0, pageToken: '', query })).products.map((p) => p.id);
  for (const query of ['100%', '\u00e9TOILE|', odd.sku.toLowerCase(), 'kitchen w', '% \u00e9'])
    expect(await found(query)).toEqual([odd.id]);
  for (const query of ['100_', 'en_Ware', "' OR 1=1", '\\']) expect(await found(query)).toEqual([]);
});

test('stock is added and taken out, never more than there is', async () => {
  const { id } = await create({ stock: { available: 3 } });
  expect((await admin.adjustStock({ id, delta: 4 })).stock).toEqual({ available: 7, reserved: 0 });
  expect((await admin.adjustStock({ id, delta: -7 })).stock).toEqual({ available: 0, reserved: 0 });
  await expect(admin.adjustStock({ id, delta: -1 })).rejects.toThrow(
    failure('FAILED_PRECONDITION', 'OUT_OF_STOCK'),
  );
  await expect(admin.adjustStock({ id, delta: 0 })).rejects.toThrow(invalid('delta'));
  await admin.adjustStock({ id, delta: 2_147_483_647 });
  await expect(admin.adjustStock({ id, delta: 1 })).rejects.toThrow(
    failure('FAILED_PRECONDITION', 'STOCK_LIMIT_EXCEEDED'),
  );
  await expect(admin.adjustStock({ id, delta: -2_147_483_648 })).rejects.toThrow(
    failure('FAILED_PRECONDITION', 'OUT_OF_STOCK'),
  );
});

test('taken out by many at once, the stock ends at zero and not below', async () => {
  const { id } = await create({ stock: { available: 10 } });
  const results = await Promise.allSettled(
    Array.from({ length: 30 }, () => admin.adjustStock({ id, delta: -1 })),
  );
  expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(10);
  expect((await visitor.getProduct({ id })).stock).toEqual({ available: 0, reserved: 0 });
});

test('the check of the table is a second guard of the stock', async () => {
  const change = service.database.kysely.updateTable('stock').set({ available: -1 });
  await create();
  await expect(change.execute()).rejects.toThrow('stock_available');
});
