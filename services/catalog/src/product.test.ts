import { test, expect } from '@jest/globals';
import { Product } from '@weft/proto/shop/catalog/v1/product';
import {
  changeableFields,
  folded,
  initialStockViolations,
  populatedFields,
  productViolations,
  searchText,
} from './product.ts';

const all = new Set(changeableFields);
const price = { currencyCode: 'EUR', units: 9n, nanos: 990_000_000 };
const good = Product.fromPartial({ sku: 'LAMP-1', name: 'Lamp', price, tags: ['light'] });
const fields = (product: Product, of = all) => productViolations(product, of).map((v) => v.field);

test('a product as the contract wants it has no violations', () => {
  expect(fields(good)).toEqual([]);
  const largest = Product.fromPartial({
    sku: 'x'.repeat(64),
    name: '\u{1F4A1}'.repeat(200),
    description: 'é\n'.repeat(2000),
    price: { currencyCode: 'EUR', units: 1_000_000_000n },
    tags: Array.from({ length: 20 }, (_, at) => `${at}`.padEnd(40, '-')),
  });
  expect(fields(largest)).toEqual([]);
});

test('all faults of a product are found at once, each by its path', () => {
  const bad = Product.fromPartial({
    sku: 'a b',
    name: '',
    description: 'x'.repeat(4001),
    price: { currencyCode: 'USD', units: 1n, nanos: 1 },
    tags: ['ok', '', 'x'.repeat(41)],
  });
  expect(fields(bad)).toEqual([
    'product.sku',
    'product.name',
    'product.description',
    'product.price.currency_code',
    'product.price.nanos',
    'product.tags[1]',
    'product.tags[2]',
  ]);
});

test('a price is more than nothing, and not so large that an order could overflow', () => {
  const at = (units: bigint, nanos = 0) => fields({ ...good, price: { currencyCode: 'EUR', units, nanos } });
  expect(at(0n)).toEqual(['product.price']);
  expect(at(-1n)).toEqual(['product.price']);
  expect(at(0n, 10_000_000)).toEqual([]);
  expect(at(1_000_000_000n, 10_000_000)).toEqual(['product.price']);
  expect(at(2n ** 63n - 1n)).toEqual(['product.price']);
});

test('only the fields that are changed are checked', () => {
  expect(fields(Product.fromPartial({}), new Set(['tags']))).toEqual([]);
  expect(populatedFields(Product.fromPartial({ name: 'Lamp', tags: ['a'] }))).toEqual(['name', 'tags']);
});

test('the stock to begin with is not negative', () => {
  const stock = (available: number) => initialStockViolations(Product.fromPartial({ stock: { available } }));
  expect(stock(-1)).toHaveLength(1);
  expect([stock(0), stock(2_147_483_647), initialStockViolations(good)]).toEqual([[], [], []]);
});

test('search finds whatever the case and the composition, and not across two fields', () => {
  const text = searchText({ name: 'Stra\u00dfe', sku: 'S-1', tags: ['caf\u00e9', 'Blue'] });
  for (const query of ['strasse', 's-1', 'CAFE\u0301', 'blue']) expect(text).toContain(folded(query));
  for (const query of ['eS-1', 'caf\u00e9Blue', 'red']) expect(text).not.toContain(folded(query));
});
