import { test, expect } from '@jest/globals';
import fc from 'fast-check';
import { quote } from './quote.ts';

const offers = new Map([
  ['a', { name: 'A', priceMinor: 199n, available: 5 }],
  ['b', { name: 'B', priceMinor: 100n, available: 0 }],
]);
const reason = (items: { productId: string; quantity: number }[], expected?: bigint) => {
  const result = quote(items, offers, expected);
  return result.kind === 'refused' ? result.reason : result.totalMinor;
};

test('an order is priced from the offers, in the order asked for', () => {
  expect(quote([{ productId: 'a', quantity: 5 }], offers, 995n)).toEqual({
    kind: 'quoted',
    totalMinor: 995n,
    lines: [{ productId: 'a', quantity: 5, name: 'A', priceMinor: 199n }],
  });
});

test('an order that cannot be is refused for what holds first', () => {
  expect(
    reason([
      { productId: 'b', quantity: 1 },
      { productId: 'c', quantity: 1 },
    ]),
  ).toBe('PRODUCT_NOT_FOUND');
  expect(reason([{ productId: 'a', quantity: 6 }], 1n)).toBe('OUT_OF_STOCK');
  expect(reason([{ productId: 'b', quantity: 1 }])).toBe('OUT_OF_STOCK');
  expect(reason([{ productId: 'a', quantity: 1 }], 198n)).toBe('PRICE_CHANGED');
});

test('the largest order there can be has an exact total that fits an int64', () => {
  const line = fc.record({
    price: fc.bigInt({ min: 1n, max: 100_000_000_000n }),
    quantity: fc.integer({ min: 1, max: 1000 }),
  });
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 100 }), (lines) => {
      const items = lines.map(({ quantity }, at) => ({ productId: `${at}`, quantity }));
      const catalog = new Map(
        lines.map(({ price }, at) => [`${at}`, { name: '', priceMinor: price, available: 1000 }]),
      );
      const result = quote(items, catalog);
      if (result.kind === 'refused') throw new Error(result.reason);
      expect(result.totalMinor).toBe(lines.reduce((sum, l) => sum + l.price * BigInt(l.quantity), 0n));
      expect(result.totalMinor < 2n ** 63n).toBe(true);
    }),
    { numRuns: 50 },
  );
});
