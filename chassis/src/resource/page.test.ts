import { test, expect } from '@jest/globals';
import fc from 'fast-check';
import { decodePageToken, encodePageToken, pageSize } from './page.ts';

const refusal = expect.objectContaining({ code: 'INVALID_ARGUMENT' });

test('a page token gives its cursor back, for the same scope only', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.string()), (cursor, scope) => {
      const token = encodePageToken(cursor, scope);
      expect(decodePageToken(token, scope)).toBe(cursor);
      expect(() => decodePageToken(token, [...scope, ''])).toThrow(refusal);
    }),
    { numRuns: 100 },
  );
});

test('a page token that was altered anywhere is refused', () => {
  const token = encodePageToken('0190-cursor', ['products', 'blue']);
  for (let at = 0; at < token.length; at++) {
    const altered = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    expect(() => decodePageToken(altered, ['products', 'blue'])).toThrow(refusal);
  }
  for (const other of ['x', `${token}=`, ` ${token}`, token.slice(0, -1), '\u{1F600}'])
    expect(() => decodePageToken(other, ['products', 'blue'])).toThrow(refusal);
});

test('no page token is the first page', () => {
  expect(decodePageToken('', [])).toBeUndefined();
});

test('page sizes: 0 is the default, too many are cut, negative ones refused', () => {
  expect([0, 1, 1000, 5000].map((n) => pageSize(n))).toEqual([50, 1, 1000, 1000]);
  expect(() => pageSize(-1)).toThrow(refusal);
});
