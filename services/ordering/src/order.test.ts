import { test, expect } from '@jest/globals';
import { itemViolations, isDecided, normalisedItems, type Item } from './order.ts';

const faults = (items: readonly Item[]) =>
  itemViolations(items, (text) => /^[a-z]$/.test(text)).map((v) => `${v.field}: ${v.description}`);
const item = (productId: string, quantity = 1): Item => ({ productId, quantity });

test('items within their limits have no violations', () => {
  expect(faults([item('a', 1), item('b', 1000)])).toEqual([]);
});

test('an order has 1 to 100 items', () => {
  expect(faults([])).toEqual(['items: must be 1 to 100 items']);
  expect(faults(Array(101).fill(item('a')))).toEqual(['items: must be 1 to 100 items']);
});

test('every fault of every item is named by its place', () => {
  expect(faults([item('a', 0), item('?', -1), item('b', 1001), item('A', 1), item('c', 1.5)])).toEqual([
    'items[0].quantity: must be 1 to 1000',
    'items[1].product_id: must be a UUID',
    'items[1].quantity: must be 1 to 1000',
    'items[2].quantity: must be 1 to 1000',
    'items[3].product_id: is the product of items[0] too',
    'items[4].quantity: must be 1 to 1000',
  ]);
});

test('ids are compared whatever their case', () => {
  expect(normalisedItems([item('A', 2)])).toEqual([item('a', 2)]);
});

test('an order is final once it is decided', () => {
  expect((['PENDING', 'CONFIRMED', 'REJECTED', 'CANCELLED'] as const).map(isDecided)).toEqual([
    false,
    true,
    true,
    true,
  ]);
});
