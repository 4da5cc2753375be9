import {
  ScalarType,
  type DescEnum,
  type DescField,
  type DescMessage,
  type JsonObject,
} from '@bufbuild/protobuf';
import fc from 'fast-check';
import { isLong } from '../codec/draft.ts';

type Json = fc.Arbitrary<unknown>;

/** Messages nest so deep. */
const deepest = 3;
const text = fc.string({ unit: 'binary', maxLength: 8 });
const free = fc.jsonValue({ maxDepth: 2 });

/**
 * Random messages of a type, as ProtoJSON: every field that the descriptor has, any of them absent, one
 * member at most of a oneof. `packed`: the types that an Any may hold.
 */
export function randomJson(type: DescMessage, packed: readonly DescMessage[]): fc.Arbitrary<JsonObject> {
  // What JSON.stringify makes of it: it has no -0.
  return message(type, packed, 0).map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
}

function message(type: DescMessage, packed: readonly DescMessage[], depth: number): Json {
  return wellKnown(type, packed, depth) ?? members(type, packed, depth);
}

function members(type: DescMessage, packed: readonly DescMessage[], depth: number): fc.Arbitrary<object> {
  const fits = (field: DescField) => depth < deepest || field.message === undefined;
  const alone = type.fields.filter((field) => field.oneof === undefined && fits(field));
  const required = alone.filter((field) => isRequired(field)).map((field) => field.jsonName);
  const record = (fields: readonly DescField[]) =>
    fields.map((field) => [field.jsonName, fieldValue(field, packed, depth)] as const);
  const base = fc.record(fromEntries(record(alone)), { requiredKeys: required });
  const choices = type.oneofs.map((oneof) =>
    fc.oneof(
      fc.constant({}),
      ...record(oneof.fields.filter(fits)).map(([name, value]) => fc.record(fromEntries([[name, value]]))),
    ),
  );
  // No prototype, since a field may be called __proto__.
  return fc
    .tuple(base, ...choices)
    .map((parts) => fromEntries(parts.flatMap((part) => Object.entries(part as object))));
}

function fromEntries<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  const object = Object.create(null) as Record<string, T>;
  for (const [name, value] of entries) object[name] = value;
  return object;
}

function isRequired(field: DescField): boolean {
  return field.proto.label === 2;
}

function fieldValue(field: DescField, packed: readonly DescMessage[], depth: number): Json {
  const one = (): Json =>
    field.message !== undefined
      ? message(field.message, packed, depth + 1)
      : field.enum !== undefined
        ? enumValue(field.enum)
        : scalar(field.scalar ?? ScalarType.STRING);
  if (field.fieldKind === 'list') return fc.array(one(), { maxLength: 3 });
  if (field.fieldKind !== 'map') return one();
  return fc.dictionary(scalar(field.mapKey).map(String), one(), { maxKeys: 3, noNullPrototype: false });
}

function enumValue(type: DescEnum): Json {
  if (type.typeName === 'google.protobuf.NullValue') return fc.constant(null);
  const names = fc.constantFrom(...type.values.map((value) => value.name));
  return type.open ? fc.oneof(names, fc.integer()) : names;
}

function scalar(type: ScalarType): Json {
  if (type === ScalarType.STRING) return text;
  if (type === ScalarType.BOOL) return fc.boolean();
  if (type === ScalarType.BYTES)
    return fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('base64'));
  if (type === ScalarType.DOUBLE)
    return fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), specials);
  if (type === ScalarType.FLOAT)
    return fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), specials);
  const bits = isLong(type) ? 64n : 32n;
  const min = unsigned.has(type) ? 0n : -(2n ** (bits - 1n));
  const max = (unsigned.has(type) ? 2n ** bits : 2n ** (bits - 1n)) - 1n;
  const any = fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, 1n));
  return bits === 64n ? any.map(String) : any.map(Number);
}

const unsigned = new Set([ScalarType.UINT32, ScalarType.FIXED32, ScalarType.UINT64, ScalarType.FIXED64]);
const specials = fc.constantFrom('NaN', 'Infinity', '-Infinity');

/** Types whose JSON form is their own. */
function wellKnown(type: DescMessage, packed: readonly DescMessage[], depth: number): Json | undefined {
  switch (type.typeName) {
    case 'google.protobuf.Timestamp':
      return fc
        .tuple(fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }), fc.nat(999_999_999))
        .map(([date, nanos]) => `${date.toISOString().slice(0, 19)}.${String(nanos).padStart(9, '0')}Z`);
    case 'google.protobuf.Duration':
      return fc
        .tuple(fc.integer(), fc.nat(999_999_999))
        .map(([seconds, nanos]) => `${seconds}.${String(nanos).padStart(9, '0')}s`);
    case 'google.protobuf.FieldMask':
      return fc.constantFrom('', 'aB', 'a.bC,d');
    case 'google.protobuf.Struct':
      return fc.dictionary(text, free, { maxKeys: 3 });
    case 'google.protobuf.Value':
      return free;
    case 'google.protobuf.ListValue':
      return fc.array(free, { maxLength: 3 });
    case 'google.protobuf.Any':
      return fc.oneof(fc.constant({}), ...packed.map((inner) => any(inner, packed, depth)));
    default:
      return /^google\.protobuf\.\w+Value$/.test(type.typeName)
        ? scalar(type.fields[0]?.scalar ?? ScalarType.STRING)
        : undefined;
  }
}

function any(inner: DescMessage, packed: readonly DescMessage[], depth: number): Json {
  const url = `type.googleapis.com/${inner.typeName}`;
  const own = wellKnown(inner, packed, depth + 1);
  if (own !== undefined) return own.map((value) => ({ '@type': url, value }));
  return members(inner, packed, depth + 1).map((value) =>
    fromEntries<unknown>([['@type', url], ...Object.entries(value)]),
  );
}
