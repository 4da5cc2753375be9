import { ScalarType, type DescEnum } from '@bufbuild/protobuf';
import { isLong } from './draft.ts';
import { float32Text } from './numbers.ts';
import type { WireReader } from './wire-reader.ts';

/** Reads one scalar and returns its ProtoJSON text. */
export type ReadText = (reader: WireReader) => string;

const wireTypes: Partial<Record<ScalarType, number>> = {
  [ScalarType.STRING]: 2,
  [ScalarType.BYTES]: 2,
  [ScalarType.DOUBLE]: 1,
  [ScalarType.FIXED64]: 1,
  [ScalarType.SFIXED64]: 1,
  [ScalarType.FLOAT]: 5,
  [ScalarType.FIXED32]: 5,
  [ScalarType.SFIXED32]: 5,
};

/** The wire type (protobuf's encoding page) that a scalar has when it is not packed. */
export function wireType(type: ScalarType): number {
  return wireTypes[type] ?? 0;
}

export function scalarToJson(type: ScalarType): ReadText {
  return readers[type];
}

const readers: Readonly<Record<ScalarType, ReadText>> = {
  [ScalarType.STRING]: (r) => r.quoted(),
  [ScalarType.BYTES]: (r) => {
    const end = r.delimited();
    const text = r.bytes.toString('base64', r.pos, end);
    r.pos = end;
    return `"${text}"`;
  },
  [ScalarType.BOOL]: (r) => ((r.varint64() | r.high) === 0 ? 'false' : 'true'),
  [ScalarType.INT32]: (r) => String(r.varint32() | 0),
  [ScalarType.UINT32]: (r) => String(r.varint32() >>> 0),
  [ScalarType.SINT32]: (r) => {
    const value = r.varint32();
    return String((value >>> 1) ^ -(value & 1));
  },
  [ScalarType.FIXED32]: (r) => String(r.bytes.readUInt32LE(r.take(4))),
  [ScalarType.SFIXED32]: (r) => String(r.bytes.readInt32LE(r.take(4))),
  [ScalarType.INT64]: (r) => `"${signed64(r.varint64(), r.high)}"`,
  [ScalarType.UINT64]: (r) => `"${unsigned64(r.varint64(), r.high)}"`,
  [ScalarType.SINT64]: (r) => {
    const value = join64(r.varint64(), r.high);
    return `"${BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))}"`;
  },
  [ScalarType.FIXED64]: (r) => `"${r.bytes.readBigUInt64LE(r.take(8))}"`,
  [ScalarType.SFIXED64]: (r) => `"${r.bytes.readBigInt64LE(r.take(8))}"`,
  [ScalarType.DOUBLE]: (r) => {
    const value = r.bytes.readDoubleLE(r.take(8));
    return special(value) ?? (Object.is(value, -0) ? '-0' : String(value));
  },
  [ScalarType.FLOAT]: (r) => {
    const value = r.bytes.readFloatLE(r.take(4));
    return special(value) ?? float32Text(value);
  },
};

function special(value: number): string | undefined {
  return Number.isFinite(value) ? undefined : `"${value}"`;
}

/** The text of a field that is not on the wire and has no presence. */
export function zeroText(type: ScalarType): string {
  if (type === ScalarType.STRING || type === ScalarType.BYTES) return '""';
  if (type === ScalarType.BOOL) return 'false';
  return isLong(type) ? '"0"' : '0';
}

function join64(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function unsigned64(low: number, high: number): string {
  // Below 2^53 a double holds it exactly, and is faster.
  if (high >= 0 && high < 0x20_0000) return String(high * 0x1_0000_0000 + (low >>> 0));
  return String(join64(low, high));
}

function signed64(low: number, high: number): string {
  return high >= 0 ? unsigned64(low, high) : String(BigInt.asIntN(64, join64(low, high)));
}

/** An enum's name by number, as JSON; numbers without a name are numbers in JSON too. */
export function enumTexts(type: DescEnum): ReadonlyMap<number, string> {
  const texts = new Map<number, string>();
  const isNull = type.typeName === 'google.protobuf.NullValue';
  for (const value of type.values)
    // The first of several names for one number (allow_alias) is its own.
    if (!texts.has(value.number)) texts.set(value.number, isNull ? 'null' : JSON.stringify(value.jsonName));
  return texts;
}
