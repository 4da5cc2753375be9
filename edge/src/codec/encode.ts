import { ScalarType, type DescField } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { isExtension } from '../descriptors.ts';
import { isZero, type Draft, type Scalar, type Value } from './draft.ts';
import { wireType } from './scalar-to-json.ts';
import { WireWriter } from './wire-writer.ts';

const delimited = 2;
const startGroup = 3;
const endGroup = 4;

/**
 * Encodes a draft. Fields go out in the order of the descriptor, whatever order they were set in, so
 * that equal requests have equal bytes.
 */
export function encodeDraft(draft: Draft): Uint8Array {
  const writer = new WireWriter();
  writeDraft(writer, draft);
  return writer.finish();
}

function writeDraft(writer: WireWriter, draft: Draft): void {
  if (draft.values.size < 2) {
    for (const [field, value] of draft.values) writeField(writer, field, value);
    return;
  }
  let written = 0;
  for (const field of draft.type.fields) {
    const value = draft.values.get(field);
    if (value === undefined) continue;
    writeField(writer, field, value);
    written++;
  }
  if (written < draft.values.size)
    for (const [field, value] of draft.values) if (isExtension(field)) writeField(writer, field, value);
}

function writeField(writer: WireWriter, field: DescField, value: Value): void {
  if (field.fieldKind === 'map') return writeMap(writer, field, value as Map<Scalar, Value>);
  if (field.fieldKind === 'list') return writeList(writer, field, value as Value[]);
  if (field.presence === FeatureSet_FieldPresence.IMPLICIT && isZero(value)) return;
  if (field.fieldKind === 'message')
    return writeMessage(writer, field.number, value as Draft, field.delimitedEncoding);
  writeScalar(writer, field.number, field.scalar ?? ScalarType.INT32, value as Scalar);
}

function writeList(writer: WireWriter, field: DescField & { fieldKind: 'list' }, values: Value[]): void {
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
  writeTag(writer, field.number, delimited);
  const start = writer.begin();
  for (const value of values) putScalar(writer, type, value as Scalar);
  writer.end(start);
}

function writeMap(
  writer: WireWriter,
  field: DescField & { fieldKind: 'map' },
  entries: Map<Scalar, Value>,
): void {
  for (const [key, value] of entries) {
    writeTag(writer, field.number, delimited);
    const start = writer.begin();
    writeScalar(writer, 1, field.mapKey, key);
    if (field.mapKind === 'message') writeMessage(writer, 2, value as Draft, false);
    else writeScalar(writer, 2, field.mapKind === 'enum' ? ScalarType.INT32 : field.scalar, value as Scalar);
    writer.end(start);
  }
}

function writeMessage(writer: WireWriter, number: number, draft: Draft, asGroup: boolean): void {
  if (asGroup) {
    writeTag(writer, number, startGroup);
    writeDraft(writer, draft);
    writeTag(writer, number, endGroup);
    return;
  }
  writeTag(writer, number, delimited);
  const start = writer.begin();
  writeDraft(writer, draft);
  writer.end(start);
}

function writeScalar(writer: WireWriter, number: number, type: ScalarType, value: Scalar): void {
  writeTag(writer, number, wireType(type));
  putScalar(writer, type, value);
}

function writeTag(writer: WireWriter, number: number, type: number): void {
  writer.varint32((number << 3) | type);
}

/** The value's JavaScript type follows from the scalar type: see Scalar. */
function putScalar(writer: WireWriter, type: ScalarType, value: Scalar): void {
  switch (type) {
    case ScalarType.STRING:
      return writer.text(value as string);
    case ScalarType.BYTES:
      return writer.data(value as Uint8Array);
    case ScalarType.BOOL:
      return writer.varint32(value === true ? 1 : 0);
    case ScalarType.DOUBLE:
      return writer.double(value as number);
    case ScalarType.FLOAT:
      return writer.float(value as number);
    case ScalarType.INT32:
      return writer.int32(value as number);
    case ScalarType.UINT32:
      return writer.varint32(value as number);
    case ScalarType.SINT32:
      return writer.varint32(((value as number) << 1) ^ ((value as number) >> 31));
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return writer.fixed32(value as number);
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return writer.varint64(value as bigint);
    case ScalarType.SINT64:
      return writer.varint64(((value as bigint) << 1n) ^ ((value as bigint) >> 63n));
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return writer.fixed64(value as bigint);
  }
}
