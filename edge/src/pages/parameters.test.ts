import { expect, test } from '@jest/globals';
import { documentOf, oddDocument, operation, type Doc } from '../testing/documents.ts';
import { testContract } from '../testing/schema.ts';

const library = documentOf(testContract());
const oddities = oddDocument();
const op = (doc: Doc, id: string) => operation(doc, id).is;

function parameterNames(op: Doc, place: string): string[] {
  const list = (op['parameters'] ?? []) as unknown as { name: string; in: string }[];
  return list.filter((parameter) => parameter.in === place).map(({ name }) => name);
}

test('the query takes the leaves that neither path nor body holds, as the binder does', () => {
  expect(parameterNames(op(library, 'Library_CreateBook'), 'query')).toEqual(['requestId', 'validateOnly']);
  expect(parameterNames(op(library, 'Library_UpdateBook'), 'query')).toEqual(['updateMask']);
  expect(parameterNames(op(library, 'Library_Fail'), 'query')).toEqual([]);
  expect(parameterNames(op(library, 'Library_ListBooks'), 'query')).toEqual([
    'pageSize',
    'pageToken',
    'filter.id',
    'filter.title',
    'filter.author.fullName',
    'filter.author.birthYear',
    'filter.tags',
    'filter.pages',
    'filter.publishTime',
    'filter.etag',
    'filter.price.currencyCode',
    'filter.price.units',
    'filter.price.nanos',
    'filter.sold',
  ]);
  const everything = parameterNames(op(library, 'Library_Echo2'), 'query');
  expect(everything).toEqual(
    expect.arrayContaining([
      'inner.name',
      'times',
      'longWrapper',
      'mask',
      '@other-name',
      '__proto__',
      'nullValue',
    ]),
  );
  for (const absent of ['labels', 'struct', 'value', 'list', 'any', 'inners', 'inner.parent.aDouble'])
    expect(everything).not.toContain(absent);
});

test('a type within itself ends the query, and that is said', () => {
  const old = op(oddities, 'odd_v1_Odd_Old');
  expect(parameterNames(old, 'query')).toEqual(['name', 'names', 'wide.leaf', 'must']);
  expect(old['description']).toContain('more query parameters');
  expect(old['parameters']).toEqual([
    { name: 'name', in: 'query', schema: { type: 'string' } },
    {
      name: 'names',
      in: 'query',
      style: 'form',
      explode: true,
      schema: { type: 'array', items: { type: 'string' } },
    },
    { name: 'wide.leaf', in: 'query', schema: { type: 'string' } },
    { name: 'must', in: 'query', required: true, schema: { type: 'string' }, example: 'example' },
  ]);
});

test('Idempotency-Key is a header where the request has a request_id', () => {
  expect(parameterNames(op(library, 'Library_CreateBook'), 'header')).toEqual(['Idempotency-Key']);
  expect(parameterNames(op(library, 'Library_UpdateBook'), 'header')).toEqual([]);
});

test('a name with a dot would read as a path, so the field has its other name', () => {
  expect(parameterNames(op(oddities, 'odd_v1_Odd_Evil2'), 'query')).toEqual([
    '__proto__',
    'constructor',
    `it's "quoted"`,
    'dotted',
  ]);
});
