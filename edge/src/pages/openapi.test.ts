import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { Contract } from '@weft/chassis/contract';
import { loadContract } from '@weft/chassis/load-contract';
import { buildRoutes } from '../routing/routes.ts';
import { compileProtos, contractOf, testContract } from '../testing/schema.ts';
import { openApiDocument, type OpenApiOptions } from './openapi.ts';

const require = createRequire(import.meta.url);

/** What tests look at in a document. */
interface Doc {
  readonly [name: string]: Doc;
}

function documentOf(contract: Contract, options?: OpenApiOptions): Doc {
  return JSON.parse(JSON.stringify(openApiDocument(contract, buildRoutes(contract), options))) as Doc;
}

function at(doc: Doc, ...path: string[]): unknown {
  return path.reduce<Doc | undefined>((value, name) => value?.[name], doc);
}

const library = documentOf(testContract());
const shopSet = readFileSync(require.resolve('@weft/proto/descriptors.binpb'));
const shop = documentOf(loadContract(shopSet));

/** One service with what the library has not. */
const oddities = documentOf(
  loadContract(
    compileProtos({
      'odd/v1/odd.proto': `
        syntax = "proto3"; package odd.v1;
        import "google/api/annotations.proto"; import "google/api/field_behavior.proto";
        import "google/api/httpbody.proto"; import "google/protobuf/empty.proto"; import "weft/v1/options.proto";
        // Odd things.
        //
        // (-- Nobody outside should know. --)
        service Odd {
          // Starts. Then it
          // goes on.
          //
          // buf:lint:ignore NOTHING
          rpc Start(Task) returns (Task) { option (google.api.http) = {post: "/v1/tasks" body: "*"}; option (weft.v1.access) = {roles: ["a", "b"]}; }
          rpc Old(Nested) returns (google.protobuf.Empty) { option deprecated = true; option (google.api.http) = {get: "/v1/old"}; option (weft.v1.access) = {user: true}; }
          rpc One(Key) returns (Key) { option (google.api.http) = {get: "/v1/files/{id}"}; option (weft.v1.access) = {public: true}; }
          rpc Deep(Key) returns (Key) { option (google.api.http) = {get: "/v1/files/{path=**}"}; option (weft.v1.access) = {public: true}; }
          rpc Parts(Key) returns (Key) { option (google.api.http) = {get: "/v1/{path=dir/*/dir/*/**}:read"}; option (weft.v1.access) = {public: true}; }
          rpc Free(Key) returns (Key) { option (google.api.http) = {get: "/v1/*/{id}/fixed/{path=a/b}"}; option (weft.v1.access) = {public: true}; }
          rpc AnyMethod(Key) returns (Key) { option (google.api.http) = {custom: {kind: "*" path: "/v1/any"} additional_bindings {custom: {kind: "*" path: "/v1/files/{id}"}} additional_bindings {custom: {kind: "*" path: "/v1/posts" } body: "*"}}; option (weft.v1.access) = {public: true}; }
          rpc Raw(stream google.api.HttpBody) returns (stream google.api.HttpBody) { option (weft.v1.access) = {public: true}; }
          rpc Evil(Hostile) returns (Hostile) { option (google.api.http) = {post: "/v1/__proto__" body: "*" additional_bindings {get: "/v1/constructor"}}; option (weft.v1.access) = {public: true}; }
          rpc Bytes(Key) returns (google.api.HttpBody) { option (google.api.http) = {post: "/v1/bytes" body: "content"}; option (weft.v1.access) = {public: true}; }
        }
        // A task.
        message Task {
          // Made by the server.
          string id = 1 [(google.api.field_behavior) = OUTPUT_ONLY, (google.api.field_behavior) = REQUIRED];
          string secret = 2 [(google.api.field_behavior) = INPUT_ONLY, (google.api.field_behavior) = REQUIRED];
          string kind = 3 [(google.api.field_behavior) = IMMUTABLE, (google.api.field_behavior) = REQUIRED];
          string old = 4 [deprecated = true];
          State state = 5;
          oneof target { string a = 6; string b = 7; Task parent = 8; }
          string request_id = 9;
        }
        // How far it is.
        enum State {
          STATE_UNSPECIFIED = 0;
          // It runs.
          RUNNING = 1;
          LATE = 2 [deprecated = true];
        }
        message Key { string id = 1; string path = 2; google.api.HttpBody content = 3; }
        message Nested { Nested nested = 1; string name = 2; repeated string names = 3; repeated Key keys = 4; Wide wide = 5; string must = 6 [(google.api.field_behavior) = REQUIRED]; }
        message Wide { string leaf = 1; }
        // \`</script><script>alert(1)</script>\` "quoted" 'too'.
        message Hostile {
          string __proto__ = 1 [json_name = "__proto__"];
          string constructor = 2;
          string quote = 3 [json_name = "it's \\"quoted\\""];
          string dotted = 4 [json_name = "a.b"];
        }`,
      'other/v1/odd.proto': `
        syntax = "proto3"; package other.v1;
        import "google/api/annotations.proto"; import "weft/v1/options.proto";
        service Odd { rpc Start(Task) returns (Task) { option (google.api.http) = {get: "/v1/other/{name=tasks/*}" additional_bindings {get: "/v2/other/{name=tasks/*}"}}; option (weft.v1.access) = {public: true}; } }
        message Task { string name = 1; }`,
    }),
  ),
);

test.each([
  ['the library', library],
  ['the shop', shop],
  ['the oddities', oddities],
])('the document of %s is valid OpenAPI 3.1', async (_, doc) => {
  const result = await new Validator().validate({ ...doc });
  expect(result).toMatchObject({ valid: true });
  expect(doc['openapi']).toBe('3.1.1');
});

interface Ajv {
  compile(schema: object): ((value: unknown) => boolean) & { errors?: unknown };
}

/** Another validator than the document's own: ajv on the schemas, which that one brings with it. */
function ajv(): Ajv {
  const nested = createRequire(require.resolve('@seriousme/openapi-schema-validator'));
  const { Ajv2020 } = nested('ajv/dist/2020.js') as { Ajv2020: new (options: object) => Ajv };
  const { default: addFormats } = nested('ajv-formats') as { default: (to: Ajv) => void };
  const made = new Ajv2020({ strict: false, logger: false, ownProperties: true });
  addFormats(made);
  return made;
}

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
  expect(JSON.stringify(documentOf(loadContract(shopSet)))).toBe(JSON.stringify(shop));
  for (const doc of [library, shop, oddities]) {
    const ids = operations(doc).map(({ operation }) => operation['operationId']);
    expect(new Set(ids).size).toBe(ids.length);
  }
  expect(operations(library)).toHaveLength(buildRoutes(testContract()).list.length);
});

function operations(doc: Doc): { path: string; method: string; operation: Doc }[] {
  return Object.entries(doc['paths'] as object).flatMap(([path, item]: [string, Record<string, Doc>]) => {
    const { 'x-additional-operations': others = {}, ...standard } = item;
    return Object.entries({ ...standard, ...others }).map(([method, operation]) => ({
      path,
      method,
      operation,
    }));
  });
}

test.each([
  ['Library_GetBook', 'get /v1/shelves/{shelvesId}/books/{booksId}'],
  ['Library_GetBook2', 'get /v1/books/{id}'],
  ['Library_GetBook3', 'REPORT /v1/books/{id}'],
  // Of one shape with GET /v1/books/{id}, so it is the same path.
  ['Library_UpdateBook', 'patch /v1/books/{id}'],
  ['Library_Echo3', 'post /v1/echo/{inner.name}/{aString}'],
  ['Library_Echo4', 'post /v1/echo:inner'],
  ['Library_GetFile', 'get /v1/files/{path}'],
])('%s is %s', (id, expected) => {
  expect(placeOf(library, id)).toBe(expected);
});

test.each([
  ['odd_v1_Odd_One', 'get /v1/files/{id}'],
  // What collapses to one path with it is kept beside it.
  ['odd_v1_Odd_Deep', 'get /v1/files/{id}#odd_v1_Odd_Deep'],
  ['odd_v1_Odd_Parts', 'get /v1/dir/{dirId}/dir/{dirId2}/{path}:read'],
  ['odd_v1_Odd_Free', 'get /v1/{v1Id}/{id}/fixed/a/b'],
  ['odd_v1_Odd_AnyMethod', 'get /v1/any'],
  ['odd_v1_Odd_AnyMethod2', '* /v1/files/{id}'],
  ['odd_v1_Odd_AnyMethod3', 'post /v1/posts'],
  ['odd_v1_Odd_Evil', 'post /v1/__proto__'],
  ['other_v1_Odd_Start', 'get /v1/other/tasks/{tasksId}'],
  ['other_v1_Odd_Start2', 'get /v2/other/tasks/{tasksId}'],
])('%s is %s', (id, expected) => {
  expect(placeOf(oddities, id)).toBe(expected);
});

function placeOf(doc: Doc, id: string): string {
  const found = operations(doc).find(({ operation }) => operation['operationId'] === (id as never));
  return `${found?.method} ${found?.path}`;
}

function operation(doc: Doc, id: string): Doc {
  const found = operations(doc).find(({ operation: is }) => is['operationId'] === (id as never));
  if (found === undefined) throw new Error(`there is no ${id}`);
  return found.operation;
}

test('each operation says how its request message is put together', () => {
  expect(operation(library, 'Library_GetBook')).toMatchObject({
    'x-grpc-method': 'acme.v1.Library/GetBook',
    'x-grpc-binding': {
      path: [
        {
          field: ['name'],
          multi: true,
          parts: ['shelves', { parameter: 'shelvesId' }, 'books', { parameter: 'booksId' }],
        },
      ],
    },
  });
  expect(operation(library, 'Library_UpdateBook')['x-grpc-binding']).toEqual({
    path: [{ field: ['book', 'id'], multi: false, parts: [{ parameter: 'id' }] }],
    body: 'book',
    derivedMask: 'updateMask',
  });
  expect(operation(library, 'Library_Fail')['x-grpc-binding']).toEqual({ path: [], body: '*' });
  expect(operation(oddities, 'odd_v1_Odd_Free')['x-grpc-binding']).toMatchObject({
    path: [{ field: ['id'] }, { field: ['path'], parts: ['a', 'b'] }],
  });
});

function parameterNames(op: Doc, place: string): string[] {
  const list = (op['parameters'] ?? []) as unknown as { name: string; in: string }[];
  return list.filter((parameter) => parameter.in === place).map(({ name }) => name);
}

test('the query takes the leaves that neither path nor body holds, as the binder does', () => {
  expect(parameterNames(operation(library, 'Library_CreateBook'), 'query')).toEqual([
    'requestId',
    'validateOnly',
  ]);
  expect(parameterNames(operation(library, 'Library_UpdateBook'), 'query')).toEqual(['updateMask']);
  expect(parameterNames(operation(library, 'Library_Fail'), 'query')).toEqual([]);
  expect(parameterNames(operation(library, 'Library_ListBooks'), 'query')).toEqual([
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
  const everything = parameterNames(operation(library, 'Library_Echo2'), 'query');
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
  const old = operation(oddities, 'odd_v1_Odd_Old');
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

const everything = at(library, 'components', 'schemas', 'acme.v1.Everything', 'properties') as Doc;
test.each([
  ['aDouble', { anyOf: [{ type: 'number', format: 'double' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] }],
  ['anInt32', { type: 'integer', format: 'int32' }],
  ['anInt64', { type: 'string', format: 'int64', pattern: '^-?[0-9]+$' }],
  ['aUint32', { type: 'integer', format: 'uint32', minimum: 0 }],
  ['aFixed64', { type: 'string', format: 'uint64', pattern: '^[0-9]+$' }],
  ['aBool', { type: 'boolean' }],
  ['aString', { type: 'string' }],
  ['someBytes', { type: 'string', format: 'byte', contentEncoding: 'base64' }],
  ['color', { $ref: '#/components/schemas/acme.v1.Color' }],
  ['inner', { $ref: '#/components/schemas/acme.v1.Everything.Inner' }],
  ['ints', { type: 'array', items: { type: 'integer', format: 'int32' } }],
  ['labels', { type: 'object', additionalProperties: { type: 'string' } }],
  [
    'byNumber',
    {
      type: 'object',
      additionalProperties: { $ref: '#/components/schemas/acme.v1.Everything.Inner' },
      propertyNames: { pattern: '^-?[0-9]+$' },
    },
  ],
  [
    'byBool',
    {
      type: 'object',
      additionalProperties: { $ref: '#/components/schemas/acme.v1.Color' },
      propertyNames: { enum: ['true', 'false'] },
    },
  ],
  ['time', { type: 'string', format: 'date-time' }],
  [
    'duration',
    { type: 'string', pattern: '^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$', description: 'Seconds: `1.5s`.' },
  ],
  ['struct', { type: 'object', additionalProperties: true, description: 'Any JSON object.' }],
  ['value', { description: 'Any JSON value.' }],
  ['list', { type: 'array', items: {}, description: 'Any JSON array.' }],
  ['nullValue', { type: 'null' }],
  ['longWrapper', { type: ['string', 'null'], format: 'int64', pattern: '^-?[0-9]+$' }],
  ['boolWrapper', { type: ['boolean', 'null'] }],
  [
    'floatWrapper',
    {
      anyOf: [
        { type: 'number', format: 'float' },
        { enum: ['NaN', 'Infinity', '-Infinity'] },
        { type: 'null' },
      ],
    },
  ],
  ['empty', { $ref: '#/components/schemas/google.protobuf.Empty' }],
  ['@other-name', { type: 'string' }],
  ['constructor', { type: 'string' }],
])('the field %s has the schema of its ProtoJSON form', (name, schema) => {
  expect(everything[name]).toEqual(schema);
});

test('members of a oneof exclude each other', () => {
  const fits = ajv().compile({
    $ref: '#/components/schemas/acme.v1.Everything',
    components: library['components'],
  });
  const values = [{ oneString: 'a' }, { oneInt: 1 }, {}, { oneString: 'a', oneInt: 1 }];
  expect(values.map((value) => fits(value))).toEqual([true, true, true, false]);
});

test('proto2: required fields are required, groups are messages', async () => {
  const doc = documentOf(
    loadContract(
      compileProtos({
        'two.proto': `
          syntax = "proto2"; package two;
          import "google/api/annotations.proto"; import "weft/v1/options.proto";
          service S { rpc Call(Legacy) returns (Legacy) { option (google.api.http) = {post: "/two" body: "*"}; option (weft.v1.access) = {public: true}; } }
          message Legacy { required string name = 1; optional group Part = 2 { optional int32 size = 1; } }`,
      }),
    ),
  );
  expect(at(doc, 'components', 'schemas', 'two.Legacy')).toEqual({
    type: 'object',
    properties: { name: { type: 'string' }, part: { $ref: '#/components/schemas/two.Legacy.Part' } },
    required: ['name'],
  });
});

test('field behavior, comments and deprecation are told, for requests and answers each as it holds', () => {
  const { components, tags } = oddities;
  const answer = at(oddities, 'components', 'schemas', 'odd.v1.Task') as Doc;
  const request = at(oddities, 'components', 'schemas', 'odd.v1.Task-request') as Doc;
  expect([answer['required'], request['required']]).toEqual([
    ['id', 'kind'],
    ['secret', 'kind'],
  ]);
  expect(answer['description']).toBe('A task.');
  expect(answer['properties']).toMatchObject({
    id: { readOnly: true, description: 'Made by the server.' },
    secret: { writeOnly: true },
    kind: { description: 'It cannot be changed later.' },
    old: { deprecated: true },
    a: { description: 'At most one can be set of: `a`, `b`, `parent`.' },
    parent: { $ref: '#/components/schemas/odd.v1.Task' },
  });
  expect(at(request, 'properties', 'parent', '$ref')).toBe('#/components/schemas/odd.v1.Task-request');
  expect(at(components as Doc, 'schemas', 'odd.v1.State')).toEqual({
    type: 'string',
    description: 'How far it is.\n\n- `RUNNING`: It runs.\n- `LATE`: (deprecated)',
    enum: ['STATE_UNSPECIFIED', 'RUNNING', 'LATE'],
  });
  expect(tags).toEqual([{ name: 'odd.v1.Odd', description: 'Odd things.' }, { name: 'other.v1.Odd' }]);
  expect(operation(oddities, 'odd_v1_Odd_Start')).toMatchObject({
    summary: 'Starts',
    description: 'Starts. Then it\ngoes on.\n\nFor one of the roles `a`, `b` alone.',
  });
  expect(operation(oddities, 'odd_v1_Odd_Old')['deprecated']).toBe(true);
});

test('security says who may call', () => {
  expect(operation(library, 'Library_GetBook')['security']).toEqual([]);
  expect(operation(library, 'Library_CreateBook')['security']).toEqual([{ bearer: [] }]);
  expect(operation(library, 'Library_UpdateBook')['security']).toEqual([{ bearer: ['librarian'] }]);
  expect(at(library, 'components', 'securitySchemes')).toEqual({
    bearer: { type: 'http', scheme: 'bearer' },
  });
});

test('a body is what the URL does not hold; that of an update requires nothing', () => {
  const schemaOf = (doc: Doc, id: string) =>
    at(operation(doc, id), 'requestBody', 'content', 'application/json', 'schema') as Doc;
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
  expect(operation(library, 'Library_GetBook')['requestBody']).toBeUndefined();
  const needed = (doc: Doc, id: string) => at(operation(doc, id), 'requestBody', 'required');
  expect([needed(shop, 'ProductService_CreateProduct'), needed(library, 'Library_CreateBook')]).toEqual([
    true,
    undefined,
  ]);
  expect(schemaOf(library, 'Library_Echo5')).toEqual({ type: 'array', items: { type: 'string' } });
});

test('answers: a response body, bytes as they are, streams in three forms, failures in two', () => {
  const content = (doc: Doc, id: string) => at(operation(doc, id), 'responses', '200', 'content') as Doc;
  expect(content(library, 'Library_ListBooks2')).toMatchObject({
    'application/json': { schema: { type: 'array', items: { type: 'string' } } },
  });
  expect(content(library, 'Library_GetFile')).toEqual({
    '*/*': { schema: { contentMediaType: 'application/octet-stream' } },
  });
  expect(at(operation(library, 'Library_PutFile'), 'requestBody', 'content')).toHaveProperty(['*/*']);
  const book = { $ref: '#/components/schemas/acme.v1.Book' };
  expect(content(library, 'Library_WatchBooks')).toMatchObject({
    'application/json': { schema: { type: 'array', items: book } },
    'application/x-ndjson': { schema: { type: 'string' }, 'x-item-schema': book },
    'text/event-stream': { schema: { type: 'string' }, 'x-item-schema': book },
  });
  for (const { operation: is } of operations(library))
    expect(at(is, 'responses', 'default')).toEqual({ $ref: '#/components/responses/failure' });
  expect(Object.keys(at(library, 'components', 'responses', 'failure', 'content') as object)).toEqual([
    'application/json',
    'application/problem+json',
  ]);
});

test('Idempotency-Key is a header where the request has a request_id', () => {
  expect(parameterNames(operation(library, 'Library_CreateBook'), 'header')).toEqual(['Idempotency-Key']);
  expect(parameterNames(operation(library, 'Library_UpdateBook'), 'header')).toEqual([]);
});

test('names are data', () => {
  const hostile = at(oddities, 'components', 'schemas', 'odd.v1.Hostile') as Doc;
  expect(Object.keys(hostile['properties'] as object)).toEqual([
    '__proto__',
    'constructor',
    `it's "quoted"`,
    'a.b',
  ]);
  expect(Object.getPrototypeOf(hostile['properties'])).toBe(Object.prototype);
  // A dot in a JSON name would read as a path.
  expect(parameterNames(operation(oddities, 'odd_v1_Odd_Evil2'), 'query')).toEqual([
    '__proto__',
    'constructor',
    `it's "quoted"`,
    'dotted',
  ]);
});

test('title, version and servers are as given, or those of the contract', () => {
  expect(library['info']).toEqual({ title: 'Library', version: 'v1' });
  expect(shop['info']).toEqual({ title: 'API', version: 'v1' });
  const servers = [{ url: 'https://api.example.com' }];
  expect(documentOf(testContract(), { title: 'T', version: '2', servers })).toMatchObject({
    info: { title: 'T', version: '2' },
    servers,
  });
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
