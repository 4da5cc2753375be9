import { test, expect } from '@jest/globals';
import { updatedFields } from './update-mask.ts';

const change = (mask?: readonly string[]) =>
  updatedFields({ mask, mutable: ['name', 'price'], immutable: ['id'], populated: ['name'] });

test('without a mask the fields that are set are changed', () => {
  expect([...change().fields]).toEqual(['name']);
  expect([...change([]).fields]).toEqual(['name']);
});

test('a mask names what is changed, set or not; a star names everything', () => {
  expect([...change(['price']).fields]).toEqual(['price']);
  expect([...change(['*']).fields]).toEqual(['name', 'price']);
});

test('a mask of more paths than anything has fields is refused as a whole', () => {
  expect(change(Array.from({ length: 51 }, () => 'x')).violations).toHaveLength(1);
});

test('each path that cannot be changed is refused by its name', () => {
  const { fields, violations } = change(['name', 'colour', 'id', 'price.units', '*']);
  expect([...fields]).toEqual(['name']);
  expect(violations.map((v) => v.description)).toEqual([
    '"colour" is not a field',
    '"id" cannot be changed',
    '"price.units": "price" is changed as a whole',
    '"*" stands alone',
  ]);
});
