import { expect, test } from '@jest/globals';
import {
  ajv,
  at,
  documentOf,
  documentOfProto,
  oddDocument,
  operation,
  type Doc,
} from '../testing/documents.ts';
import { testContract } from '../testing/schema.ts';

const library = documentOf(testContract());
const oddities = oddDocument();
const op = (doc: Doc, id: string) => operation(doc, id).is;

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

test('proto2: required fields are required, groups are messages', () => {
  const doc = documentOfProto({
    'two.proto': `
      syntax = "proto2"; package two;
      import "google/api/annotations.proto"; import "weft/v1/options.proto";
      service S { rpc Call(Legacy) returns (Legacy) { option (google.api.http) = {post: "/two" body: "*"}; option (weft.v1.access) = {public: true}; } }
      message Legacy { required string name = 1; optional group Part = 2 { optional int32 size = 1; } }`,
  });
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
  expect(op(oddities, 'odd_v1_Odd_Start')).toMatchObject({
    summary: 'Starts',
    description: 'Starts. Then it\ngoes on.\n\nFor one of the roles `a`, `b` alone.',
  });
  expect(op(oddities, 'odd_v1_Odd_Old')['deprecated']).toBe(true);
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
});
