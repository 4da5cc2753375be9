import { expect, test } from '@jest/globals';
import { bytesToUuid, isUuid, uuidToBytes, uuidv7 } from './uuid.ts';

test('a new id is a UUID of version 7 and sorts by time', () => {
  const id = uuidv7();
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const ms = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  expect(Math.abs(ms - Date.now())).toBeLessThan(1_000);
});

test('ids of one process are distinct and in order, however fast they are made', () => {
  const ids = Array.from({ length: 20_000 }, uuidv7);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
});

test('text and bytes are each other, and anything else is refused', () => {
  const id = '0192f0c1-2345-7abc-8def-0123456789ab';
  expect(bytesToUuid(uuidToBytes(id))).toBe(id);
  expect(bytesToUuid(uuidToBytes(id.toUpperCase()))).toBe(id);
  expect(isUuid('0192f0c1')).toBe(false);
  expect(() => uuidToBytes('0192f0c123457abc8def0123456789ab')).toThrow(TypeError);
  expect(() => bytesToUuid(Buffer.alloc(15))).toThrow(TypeError);
});
