import { test, expect } from '@jest/globals';
import { requestIdViolations, textViolations } from './text.ts';

const name = (value: string) => textViolations('name', value, { min: 1, max: 3 })[0]?.description;

test('characters are counted as people see them, not as UTF-16 units', () => {
  expect(name('\u{1F600}\u{1F600}\u{1F600}')).toBeUndefined();
  expect(name('\u{1F600}\u{1F600}\u{1F600}x')).toBe('must have 1 to 3 characters');
  expect(name('x'.repeat(1_000_000))).toBe('must have 1 to 3 characters');
});

test('an absent text is required, control characters are refused', () => {
  expect(name('')).toBe('is required');
  expect(name('a\u0000')).toBe('has control characters');
  expect(name('a\nb')).toBe('has control characters');
});

test('a text of several lines may have breaks and tabs and no other controls', () => {
  const text = (value: string) => textViolations('d', value, { max: 9, multiline: true });
  expect(text('a\r\n\tb')).toEqual([]);
  expect(text('a\u0007')).toHaveLength(1);
  expect(text('0123456789')[0]?.description).toBe('has more than 9 characters');
});

test('a request id is printable ASCII of at most 255 characters', () => {
  const wrong = (id: string) => requestIdViolations('request_id', id).length;
  expect(['', 'a', '~ !', 'x'.repeat(255)].map(wrong)).toEqual([0, 0, 0, 0]);
  expect(['x'.repeat(256), 'é', 'a\n'].map(wrong)).toEqual([1, 1, 1]);
});
