import { ScalarType, type DescField } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { isZero, type Draft, type Scalar, type Value } from './draft.ts';

/**
 * Encodes a draft. Fields go out in the order of the descriptor, whatever order they were set in, so
 * that equal requests have equal bytes.
 */
export function encodeDraft(draft: Draft): Uint8Array {
  const writer = new BinaryWriter();
  writeDraft(writer, draft);
  return writer.finish();
}

function writeDraft(writer: BinaryWriter, draft: Draft): void {
  if (draft.values.size < 2) {
    for (const [field, value] of draft.values) writeField(writer, field, value);
    return;
  }
  for (const field of draft.type.fields) {
    const value = draft.values.get(field);
    if (value !== undefined) writeField(writer, field, value);
  }
}

function writeField(writer: BinaryWriter, field: DescField, value: Value): void {
  if (field.fieldKind === 'map') return writeMap(writer, field, value as Map<Scalar, Value>);
  if (field.fieldKind === 'list') return writeList(writer, field, value as Value[]);
  if (field.presence === FeatureSet_FieldPresence.IMPLICIT && isZero(value)) return;
  if (field.fieldKind === 'message')
    return writeMessage(writer, field.number, value as Draft, field.delimitedEncoding);
  writeScalar(writer, field.number, field.scalar ?? ScalarType.INT32, value as Scalar);
}

function writeList(writer: BinaryWriter, field: DescField & { fieldKind: 'list' }, values: Value[]): void {
  if (values.length === 0) return;
  if (field.listKind === 'message') {
    for (const value of values) writeMessage(writer, field.number, value as Draft, field.delimitedEncoding);
    return;
  }
  const type = field.listKind === 'enum' ? ScalarType.INT32 : field.scalar;
  if (!field.packed) {
    for (const value of values) writeScalar(writer, field.number, type, value as Scalar);
    return;
  }
  writer.tag(field.number, WireType.LengthDelimited).fork();
  for (const value of values) putScalar(writer, type, value as Scalar);
  writer.join();
}

function writeMap(
  writer: BinaryWriter,
  field: DescField & { fieldKind: 'map' },
  entries: Map<Scalar, Value>,
): void {
  for (const [key, value] of entries) {
    writer.tag(field.number, WireType.LengthDelimited).fork();
    writeScalar(writer, 1, field.mapKey, key);
    if (field.mapKind === 'message') writeMessage(writer, 2, value as Draft, false);
    else writeScalar(writer, 2, field.mapKind === 'enum' ? ScalarType.INT32 : field.scalar, value as Scalar);
    writer.join();
  }
}

function writeMessage(writer: BinaryWriter, number: number, draft: Draft, delimited: boolean): void {
  if (delimited) {
    writer.tag(number, WireType.StartGroup);
    writeDraft(writer, draft);
    writer.tag(number, WireType.EndGroup);
    return;
  }
  writer.tag(number, WireType.LengthDelimited).fork();
  writeDraft(writer, draft);
  writer.join();
}

function writeScalar(writer: BinaryWriter, number: number, type: ScalarType, value: Scalar): void {
  writer.tag(number, wireTypes[type]);
  putScalar(writer, type, value);
}

const wireTypes: Readonly<Record<ScalarType, WireType>> = {
  [ScalarType.DOUBLE]: WireType.Bit64,
  [ScalarType.FLOAT]: WireType.Bit32,
  [ScalarType.INT64]: WireType.Varint,
  [ScalarType.UINT64]: WireType.Varint,
  [ScalarType.INT32]: WireType.Varint,
  [ScalarType.FIXED64]: WireType.Bit64,
  [ScalarType.FIXED32]: WireType.Bit32,
  [ScalarType.BOOL]: WireType.Varint,
  [ScalarType.STRING]: WireType.LengthDelimited,
  [ScalarType.BYTES]: WireType.LengthDelimited,
  [ScalarType.UINT32]: WireType.Varint,
  [ScalarType.SFIXED32]: WireType.Bit32,
  [ScalarType.SFIXED64]: WireType.Bit64,
  [ScalarType.SINT32]: WireType.Varint,
  [ScalarType.SINT64]: WireType.Varint,
};

/** The value's JavaScript type follows from the scalar type: see Scalar. */
function putScalar(writer: BinaryWriter, type: ScalarType, value: Scalar): void {
  switch (type) {
    case ScalarType.STRING:
      writer.string(value as string);
      return;
    case ScalarType.BYTES:
      writer.bytes(value as Uint8Array);
      return;
    case ScalarType.BOOL:
      writer.bool(value as boolean);
      return;
    case ScalarType.DOUBLE:
      writer.double(value as number);
      return;
    case ScalarType.FLOAT:
      writer.float(value as number);
      return;
    case ScalarType.INT32:
      writer.int32(value as number);
      return;
    case ScalarType.UINT32:
      writer.uint32(value as number);
      return;
    case ScalarType.SINT32:
      writer.sint32(value as number);
      return;
    case ScalarType.FIXED32:
      writer.fixed32(value as number);
      return;
    case ScalarType.SFIXED32:
      writer.sfixed32(value as number);
      return;
    case ScalarType.INT64:
      writer.int64(value as bigint);
      return;
    case ScalarType.UINT64:
      writer.uint64(value as bigint);
      return;
    case ScalarType.SINT64:
      writer.sint64(value as bigint);
      return;
    case ScalarType.FIXED64:
      writer.fixed64(value as bigint);
      return;
    case ScalarType.SFIXED64:
      writer.sfixed64(value as bigint);
  }
}
