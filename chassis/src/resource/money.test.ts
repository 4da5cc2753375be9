import { test, expect } from '@jest/globals';
import fc from 'fast-check';
import { formatMinor, fromMinor, moneyViolations, toMinor } from './money.ts';

const rule = { currency: 'EUR', min: 1n, max: 1_000_000n };
const eur = (units: bigint, nanos = 0) => ({ currencyCode: 'EUR', units, nanos });
const faults = (money: Parameters<typeof moneyViolations>[1]) =>
  moneyViolations('price', money, rule).map((v) => `${v.field} ${v.description}`);

test('minor units become money and come back, for every int64', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (minor) => {
      const money = fromMinor(minor, 'EUR');
      expect(toMinor(money)).toBe(minor);
      expect(moneyViolations('m', money, { currency: 'EUR', min: minor, max: minor })).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test('an amount within its bounds has no violations', () => {
  expect(faults(eur(0n, 10_000_000))).toEqual([]);
  expect(faults(eur(10_000n))).toEqual([]);
});

test('each fault of an amount names its field', () => {
  expect(faults(undefined)).toEqual(['price is required']);
  expect(faults({ ...eur(1n), currencyCode: 'USD' })).toEqual(['price.currency_code must be EUR']);
  expect(faults(eur(1n, 5))).toEqual(['price.nanos must be whole cents: a multiple of 10000000']);
  expect(faults(eur(1n, -10_000_000))).toEqual(['price.nanos must have the sign of the units']);
  expect(faults(eur(1n, 1_000_000_000))[0]).toContain('price.nanos must be between');
  expect(faults(eur(0n))).toEqual(['price must be at least 0.01 EUR']);
  expect(faults(eur(10_000n, 10_000_000))).toEqual(['price must be at most 10000.00 EUR']);
  expect(faults(eur(2n ** 63n - 1n, 990_000_000))).toEqual(['price must be at most 10000.00 EUR']);
});

test('a wrong currency and wrong nanos are told together', () => {
  expect(faults({ currencyCode: '', units: 1n, nanos: 1 })).toHaveLength(2);
});

test('amounts are readable', () => {
  expect([formatMinor(5n, 'EUR'), formatMinor(-150n, 'EUR')]).toEqual(['0.05 EUR', '-1.50 EUR']);
});
