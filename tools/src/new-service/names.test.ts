import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { root } from '../paths.ts';
import { conflicts } from './conflicts.ts';
import { serviceNames } from './names.ts';
import { readSample } from './template.ts';

const sample = readSample(join(root, 'tools/templates/service'));
const conflictsOf = (name: string, resource?: string) =>
  conflicts(root, serviceNames(name, resource), sample);

test('every spelling follows from the words', () => {
  const { resource, resources } = serviceNames('workshop', 'spare-part');
  expect(resource).toEqual({
    kebab: 'spare-part',
    snake: 'spare_part',
    camel: 'sparePart',
    pascal: 'SparePart',
    upper: 'SPARE_PART',
    prose: 'spare part',
  });
  expect(resources).toMatchObject({ camel: 'spareParts', pascal: 'SpareParts', snake: 'spare_parts' });
});

test.each([
  ['shipping', 'shipping-item', 'shipping-items'],
  ['reviews', 'review', 'reviews'],
  ['deliveries', 'delivery', 'deliveries'],
  ['addresses', 'address', 'addresses'],
  ['warehouse', 'warehouse', 'warehouses'],
  ['bus', 'bus', 'buses'],
])('without RESOURCE, %s keeps %s, in the plural %s', (name, one, many) => {
  const { resource, resources } = serviceNames(name);
  expect([resource.kebab, resources.kebab]).toEqual([one, many]);
});

test.each([
  ['', '', 'NAME is missing: make new-service NAME=shipping'],
  ['Shipping', '', 'one word of lower-case letters'],
  ['ship-ping', '', 'one word of lower-case letters'],
  ['../x', '', 'one word of lower-case letters'],
  ['1st', '', 'one word of lower-case letters'],
  ['x'.repeat(25), '', 'more than 24 characters'],
  ['edge', '', 'NAME is edge: that word is reserved'],
  ['delete', 'thing', 'NAME is delete: that word is reserved'],
  ['shipping', 'Ship ment', 'lower-case words joined by dashes'],
  ['shipping', 'x'.repeat(41), 'more than 40 characters'],
  ['shipping', 'group', 'reserved in TypeScript or SQL'],
  ['shipping', 'date', 'reserved in TypeScript or SQL'],
])('NAME=%s RESOURCE=%s is refused: %s', (name, resource, text) => {
  expect(() => serviceNames(name, resource)).toThrow(text);
});

test('faults of both names are told at once', () => {
  expect(() => serviceNames('edge', 'Ship ment')).toThrow(/NAME is edge[\s\S]*RESOURCE is Ship ment/);
});

test('what is there already is named, and so is a word that the code uses', () => {
  expect(conflictsOf('catalog', 'leaflet').join('\n')).toMatch(/services\/catalog is there already.*NAME/);
  expect(conflictsOf('tryout', 'product')).toEqual([
    '/v1/products is a route of proto/shop/catalog/v1/product.proto already: choose another RESOURCE',
  ]);
  expect(conflictsOf('mesh', 'node')).toEqual(['NAME is mesh: the code uses that word for something else']);
  expect(conflictsOf('tryout', 'arbiter')).toEqual([
    'RESOURCE is arbiter: the code uses arbiter for something else',
  ]);
  for (const [name, resource] of [['tryout', 'attempt'], ['rehearsal'], ['workshop', 'spare-part']] as const)
    expect(conflictsOf(name, resource)).toEqual([]);
});
