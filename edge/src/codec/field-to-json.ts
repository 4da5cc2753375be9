import type { DescEnum, DescField, ScalarType } from '@bufbuild/protobuf';
import { enumTexts, scalarToJson, wireType, zeroText } from './scalar-to-json.ts';
import { WireReader } from './wire-reader.ts';

/** Reads one value of a field that holds no message. */
export interface ScalarReader {
  readonly wire: number;
  /** undefined: a value that counts as an unknown field. */
  readonly read: (reader: WireReader) => string | undefined;
}

export function scalarReader(type: ScalarType): ScalarReader {
  return { wire: wireType(type), read: scalarToJson(type) };
}

export function enumReader(type: DescEnum): ScalarReader {
  const texts = enumTexts(type);
  return {
    wire: 0,
    read(reader) {
      const number = reader.varint32() | 0;
      return texts.get(number) ?? (type.open ? String(number) : undefined);
    },
  };
}

/** An enum's default: its first value, which proto3 wants to be 0. */
export function enumZero(type: DescEnum): string {
  return enumTexts(type).get(type.values[0]?.number ?? 0) ?? '0';
}

/** Where a message stands in the bytes of a reader. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Takes a message field, length-delimited or a group, and leaves the reader after it; undefined for any
 * other wire type, which is skipped.
 */
export function messageRange(reader: WireReader, tag: number): Range | undefined {
  if ((tag & 7) === 2) {
    const end = reader.delimited();
    const start = reader.pos;
    reader.pos = end;
    return { start, end };
  }
  if ((tag & 7) === 3) {
    const start = reader.pos;
    return { start, end: reader.group(tag) };
  }
  reader.skip(tag);
  return undefined;
}

/** The text of a field that is not set; a message has none. */
export function absentText(field: DescField): string | undefined {
  switch (field.fieldKind) {
    case 'list':
      return '[]';
    case 'map':
      return '{}';
    case 'enum':
      return enumZero(field.enum);
    case 'scalar':
      return zeroText(field.scalar);
    case 'message':
      return undefined;
  }
}

/** The bytes of a message field of an encoded message, its parts merged; empty when it is not set. */
export function messageField(bytes: Uint8Array, number: number): Uint8Array {
  const reader = new WireReader(bytes);
  const parts: Uint8Array[] = [];
  while (reader.pos < bytes.length) {
    const tag = reader.varint32();
    const range = tag >>> 3 === number ? messageRange(reader, tag) : reader.skip(tag);
    if (range !== undefined) parts.push(bytes.subarray(range.start, range.end));
  }
  return parts.length === 1 ? (parts[0] ?? bytes) : Buffer.concat(parts);
}
