import { ScalarType } from '@bufbuild/protobuf';

/** A JSON Schema (draft 2020-12, as OpenAPI 3.1 has it). */
export type Schema = Readonly<Record<string, unknown>>;

const int32: Schema = { type: 'integer', format: 'int32' };
const uint32: Schema = { type: 'integer', format: 'uint32', minimum: 0 };
const int64: Schema = { type: 'string', format: 'int64', pattern: '^-?[0-9]+$' };
const uint64: Schema = { type: 'string', format: 'uint64', pattern: '^[0-9]+$' };

const schemas: Readonly<Record<ScalarType, Schema>> = {
  [ScalarType.DOUBLE]: floating('double'),
  [ScalarType.FLOAT]: floating('float'),
  [ScalarType.INT32]: int32,
  [ScalarType.SINT32]: int32,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.UINT32]: uint32,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.INT64]: int64,
  [ScalarType.SINT64]: int64,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.UINT64]: uint64,
  [ScalarType.FIXED64]: uint64,
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BYTES]: { type: 'string', format: 'byte', contentEncoding: 'base64' },
};

/** The schema of a scalar's ProtoJSON form, as it is printed: 64-bit integers are strings. */
export function scalarSchema(type: ScalarType): Schema {
  return schemas[type];
}

/** NaN and the infinities have no number in JSON. */
function floating(format: string): Schema {
  return { anyOf: [{ type: 'number', format }, { enum: ['NaN', 'Infinity', '-Infinity'] }] };
}

/** What the keys of a map look like in JSON; undefined where any string will do. */
export function mapKeySchema(type: ScalarType): Schema | undefined {
  if (type === ScalarType.STRING) return undefined;
  if (type === ScalarType.BOOL) return { enum: ['true', 'false'] };
  const { minimum, pattern } = schemas[type];
  return { pattern: minimum === 0 || pattern === uint64['pattern'] ? '^[0-9]+$' : '^-?[0-9]+$' };
}
