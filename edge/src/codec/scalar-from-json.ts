import { ScalarType, type DescEnum } from '@bufbuild/protobuf';
import { isLong, type Scalar } from './draft.ts';
import { BigNumber, type Json } from './json-text.ts';
import { exactInteger, finiteNumber } from './numbers.ts';

/** What is wrong with a value, as a phrase that follows its field's name. */
export class ValueFault extends Error {
  override readonly name = 'ValueFault';
}

const ranges: Partial<Record<ScalarType, readonly [min: bigint, max: bigint, name: string]>> = {
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n, 'int32'],
  [ScalarType.SINT32]: [-(2n ** 31n), 2n ** 31n - 1n, 'int32'],
  [ScalarType.SFIXED32]: [-(2n ** 31n), 2n ** 31n - 1n, 'int32'],
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n, 'uint32'],
  [ScalarType.FIXED32]: [0n, 2n ** 32n - 1n, 'uint32'],
  [ScalarType.INT64]: [-(2n ** 63n), 2n ** 63n - 1n, 'int64'],
  [ScalarType.SINT64]: [-(2n ** 63n), 2n ** 63n - 1n, 'int64'],
  [ScalarType.SFIXED64]: [-(2n ** 63n), 2n ** 63n - 1n, 'int64'],
  [ScalarType.UINT64]: [0n, 2n ** 64n - 1n, 'uint64'],
  [ScalarType.FIXED64]: [0n, 2n ** 64n - 1n, 'uint64'],
};

/** A scalar from its ProtoJSON form. Throws a ValueFault. */
export function scalarFromJson(type: ScalarType, json: Json): Scalar {
  if (type === ScalarType.STRING) return string(json);
  if (type === ScalarType.BYTES) {
    if (typeof json !== 'string') throw expected('a base64 string', json);
    return bytesFromBase64(json);
  }
  if (type === ScalarType.BOOL) {
    if (typeof json !== 'boolean') throw expected('true or false', json);
    return json;
  }
  return type === ScalarType.DOUBLE || type === ScalarType.FLOAT ? float(type, json) : integer(type, json);
}

function string(json: Json): string {
  if (typeof json !== 'string') throw expected('a string', json);
  if (!json.isWellFormed()) throw new ValueFault('is not valid Unicode: it has half of a surrogate pair');
  return json;
}

function integer(type: ScalarType, json: Json): number | bigint {
  // Most numbers, without the detour.
  if (typeof json === 'number' && (json | 0) === json && fitsInt32(type, json))
    return isLong(type) ? BigInt(json) : json;
  const [min, max, name] = ranges[type] ?? [0n, 0n, ''];
  let value: bigint | undefined;
  if (typeof json === 'number') value = Number.isInteger(json) ? BigInt(json) : undefined;
  else if (typeof json === 'string') value = exactInteger(json);
  else if (json instanceof BigNumber) value = exactInteger(json.text);
  else throw expected('an integer', json);
  if (value === undefined) throw new ValueFault('must be an integer');
  if (value < min || value > max) throw new ValueFault(`is out of the range of ${name}, ${min} to ${max}`);
  return name.endsWith('64') ? value : Number(value);
}

/** Whether an integer of 32 bits is in the range of any integer type. */
function fitsInt32(type: ScalarType, value: number): boolean {
  if (value > 0) return true;
  // JSON has a -0, which is 0 here.
  if (value === 0) return !Object.is(value, -0);
  return (
    type !== ScalarType.UINT32 &&
    type !== ScalarType.FIXED32 &&
    type !== ScalarType.UINT64 &&
    type !== ScalarType.FIXED64
  );
}

const specials = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

function float(type: ScalarType, json: Json): number {
  const special = typeof json === 'string' ? specials.get(json) : undefined;
  if (special !== undefined) return special;
  let value: number | undefined;
  if (typeof json === 'number') value = json;
  else if (typeof json === 'string') value = finiteNumber(json);
  else if (json instanceof BigNumber) value = Number(json.text);
  else throw expected('a number', json);
  if (value === undefined) throw new ValueFault('must be a number');
  if (!Number.isFinite(value)) throw new ValueFault('is out of the range of double');
  if (type === ScalarType.DOUBLE) return value;
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) throw new ValueFault('is out of the range of float');
  return rounded;
}

/** Standard or URL-safe base64, with or without padding, as ProtoJSON accepts it. */
function bytesFromBase64(text: string): Uint8Array {
  const digits = text.replace(/={1,2}$/, '');
  const padding = text.length - digits.length;
  if (!/^[A-Za-z0-9+/_-]*$/.test(digits) || digits.length % 4 === 1 || (padding > 0 && text.length % 4 !== 0))
    throw new ValueFault('is not valid base64');
  return Buffer.from(digits, 'base64');
}

/** An enum's number from its name or number. A closed enum takes only its own numbers. */
export function enumFromJson(type: DescEnum, json: Json): number {
  if (type.typeName === 'google.protobuf.NullValue' && json === null) return 0;
  if (typeof json === 'string') {
    const number = enumNumber(type, json);
    if (number === undefined)
      throw new ValueFault(`has no value ${JSON.stringify(json.slice(0, 100))} in ${type.typeName}`);
    return number;
  }
  if (typeof json !== 'number') throw expected(`a name of ${type.typeName}`, json);
  if (!Number.isInteger(json) || Math.abs(json) > 2 ** 31 || json === 2 ** 31)
    throw new ValueFault(`is no number of ${type.typeName}`);
  if (!type.open && !type.values.some((value) => value.number === json))
    throw new ValueFault(`has no value ${json} in ${type.typeName}`);
  return json;
}

const numbersByEnum = new WeakMap<DescEnum, Map<string, number>>();

function enumNumber(type: DescEnum, name: string): number | undefined {
  let numbers = numbersByEnum.get(type);
  if (numbers === undefined) {
    numbers = new Map(
      type.values.flatMap(
        (v) =>
          [
            [v.jsonName, v.number],
            [v.name, v.number],
          ] as const,
      ),
    );
    numbersByEnum.set(type, numbers);
  }
  return numbers.get(name);
}

/** A map's key, which JSON has as a string. */
export function mapKeyFromJson(type: ScalarType, key: string): Scalar {
  if (type !== ScalarType.BOOL) return scalarFromJson(type, key);
  if (key !== 'true' && key !== 'false') throw new ValueFault('has a key that is neither true nor false');
  return key === 'true';
}

/** The fault of a value of the wrong kind: `must be a string, not a number`. */
export function expected(what: string, json: Json): ValueFault {
  return new ValueFault(`must be ${what}, not ${kindOf(json)}`);
}

function kindOf(json: Json): string {
  if (json === null) return 'null';
  if (Array.isArray(json)) return 'an array';
  if (json instanceof BigNumber || typeof json === 'number') return 'a number';
  if (typeof json === 'object') return 'an object';
  return typeof json === 'string' ? 'a string' : 'a boolean';
}
