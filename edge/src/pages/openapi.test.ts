import { expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { buildRoutes } from '../routing/routes.ts';
import {
  ajv,
  at,
  documentOf,
  oddDocument,
  operation,
  operations,
  shopContract,
  type Doc,
} from '../testing/documents.ts';
import { contractOf, testContract } from '../testing/schema.ts';
import { openApiDocument } from './openapi.ts';

const library = documentOf(testContract());
const oddities = oddDocument();
const shop = documentOf(shopContract());
const op = (doc: Doc, id: string) => operation(doc, id).is;

test.each([
  ['the library', library],
  ['the shop', shop],
  ['the oddities', oddities],
])('the document of %s is valid OpenAPI 3.1', async (_, doc) => {
  const result = await new Validator().validate({ ...doc });
  expect(result).toMatchObject({ valid: true });
  expect(doc['openapi']).toBe('3.1.1');
});

/** Every schema that has an example beside it, with its place. */
function* examples(value: unknown, path = ''): Generator<[string, object, unknown]> {
  if (typeof value !== 'object' || value === null) return;
  const { schema, example } = value as { schema?: object; example?: unknown };
  if (schema !== undefined && example !== undefined) yield [path, schema, example];
  for (const [name, child] of Object.entries(value))
    if (name !== 'example') yield* examples(child, `${path}/${name}`);
}

test.each([
  ['the library', library, 30],
  ['the shop', shop, 40],
  ['the oddities', oddities, 10],
])('each example of %s fits its schema', (_, doc, least) => {
  const validator = ajv();
  let count = 0;
  const misfits: unknown[] = [];
  for (const [path, schema, example] of examples(doc)) {
    const fits = validator.compile({ ...schema, components: doc['components'] });
    if (!fits(example)) misfits.push({ path, example, errors: fits.errors });
    count += 1;
  }
  expect(misfits).toEqual([]);
  expect(count).toBeGreaterThan(least);
});

test('the same contract gives the same document, and its operations have different ids', () => {
  expect(JSON.stringify(documentOf(shopContract()))).toBe(JSON.stringify(shop));
  for (const doc of [library, shop, oddities]) {
    const ids = operations(doc).map(({ operation }) => operation['operationId']);
    expect(new Set(ids).size).toBe(ids.length);
  }
  expect(operations(library)).toHaveLength(buildRoutes(testContract()).list.length);
});

test('security says who may call', () => {
  expect(op(library, 'Library_GetBook')['security']).toEqual([]);
  expect(op(library, 'Library_CreateBook')['security']).toEqual([{ bearer: [] }]);
  expect(op(library, 'Library_UpdateBook')['security']).toEqual([{ bearer: ['librarian'] }]);
  expect(at(library, 'components', 'securitySchemes')).toEqual({
    bearer: { type: 'http', scheme: 'bearer' },
  });
});

test('a body is what the URL does not hold; that of an update requires nothing', () => {
  const schemaOf = (doc: Doc, id: string) =>
    at(op(doc, id), 'requestBody', 'content', 'application/json', 'schema') as Doc;
  const update = schemaOf(library, 'Library_UpdateBook');
  expect(Object.keys(update['properties'] as object)).toEqual(expect.arrayContaining(['title', 'etag']));
  expect(update['properties']).not.toHaveProperty('id');
  const echo = schemaOf(library, 'Library_Echo3');
  expect(echo['properties']).not.toHaveProperty('aString');
  expect(at(echo, 'properties', 'inner', 'properties')).not.toHaveProperty('name');
  expect(schemaOf(shop, 'ProductService_UpdateProduct')).not.toHaveProperty('required');
  expect(schemaOf(shop, 'ProductService_CreateProduct')).toEqual({
    $ref: '#/components/schemas/shop.catalog.v1.Product',
  });
  expect(op(library, 'Library_GetBook')['requestBody']).toBeUndefined();
  const needed = (doc: Doc, id: string) => at(op(doc, id), 'requestBody', 'required');
  expect([needed(shop, 'ProductService_CreateProduct'), needed(library, 'Library_CreateBook')]).toEqual([
    true,
    undefined,
  ]);
  expect(schemaOf(library, 'Library_Echo5')).toEqual({ type: 'array', items: { type: 'string' } });
});

test('bodies: a response body, bytes as they are, streams in their forms, failures in two', () => {
  const content = (doc: Doc, id: string) => at(op(doc, id), 'responses', '200', 'content') as Doc;
  expect(content(library, 'Library_ListBooks2')).toMatchObject({
    'application/json': { schema: { type: 'array', items: { type: 'string' } } },
  });
  expect(content(library, 'Library_GetFile')).toEqual({
    '*/*': { schema: { contentMediaType: 'application/octet-stream' } },
  });
  expect(at(op(library, 'Library_PutFile'), 'requestBody', 'content')).toHaveProperty(['*/*']);
  const book = { $ref: '#/components/schemas/acme.v1.Book' };
  expect(content(library, 'Library_WatchBooks')).toMatchObject({
    'application/json': { schema: { type: 'array', items: book } },
    'application/x-ndjson': { schema: { type: 'string' }, 'x-item-schema': book },
    'text/event-stream': { schema: { type: 'string' }, 'x-item-schema': book },
  });
  const key = { $ref: '#/components/schemas/odd.v1.Key' };
  expect(op(oddities, 'odd_v1_Odd_Upload')['requestBody']).toMatchObject({
    required: true,
    content: {
      'application/json': { schema: { type: 'array', items: key } },
      'application/x-ndjson': { schema: { type: 'string' }, 'x-item-schema': key },
    },
  });
  expect(Object.keys(content(oddities, 'odd_v1_Odd_Upload'))).toContain('text/event-stream');
  for (const { operation: is } of operations(library))
    expect(at(is, 'responses', 'default')).toEqual({ $ref: '#/components/responses/failure' });
  expect(Object.keys(at(library, 'components', 'responses', 'failure', 'content') as object)).toEqual([
    'application/json',
    'application/problem+json',
  ]);
});

test('title and version are those of the contract, and the API is beside its document', () => {
  expect(library).toMatchObject({ info: { title: 'Library', version: 'v1' }, servers: [{ url: '.' }] });
  expect(shop['info']).toEqual({ title: 'API', version: 'v1' });
});

test('a contract of 1,000 methods gives a document of sane size, quickly', () => {
  const methods = Array.from(
    { length: 1000 },
    (_, i) =>
      `rpc M${i}(Request) returns (Request) { option (google.api.http) = {post: "/v1/m${i}/{a}" body: "inner"}; option (weft.v1.access) = {public: true}; }`,
  );
  const contract = contractOf(methods.join('\n'));
  const routes = buildRoutes(contract);
  const start = process.cpuUsage();
  const text = JSON.stringify(openApiDocument(contract, routes));
  const { user, system } = process.cpuUsage(start);
  expect(Object.keys((JSON.parse(text) as Doc)['paths'] as object)).toHaveLength(1000);
  expect(text.length / 1000).toBeLessThan(4_000);
  expect((user + system) / 1000).toBeLessThan(2_000);
});
