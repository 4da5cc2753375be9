import type { DescField, DescMessage } from '@bufbuild/protobuf';
import {
  enumReader,
  enumZero,
  messageRange,
  scalarReader,
  type Range,
  type ScalarReader,
} from './field-to-json.ts';
import { LengthFault, printRange, type Print, type Printer } from './printing.ts';
import { zeroText } from './scalar-to-json.ts';
import { WireFault, type WireReader } from './wire-reader.ts';

/**
 * A field's text so far. A singular message is kept encoded, since a later part of it would be merged
 * into it: the start of its bytes here and their end in the next slot, or the bytes of all its parts.
 */
export type Slot = string | number | Uint8Array | Map<string, string> | undefined;

/** Reads a field whose tag was read into its slot. */
export type ReadField = (reader: WireReader, tag: number, slots: Slot[], depth: number) => void;

/** `rivals`: the slots of the other members of its oneof, which it clears. */
export function fieldReader(
  printer: Printer,
  field: DescField,
  slot: number,
  rivals: readonly number[],
): ReadField {
  if (field.fieldKind === 'map') return entryReader(printer, field, slot);
  if (field.fieldKind === 'message') return messageReader(slot, rivals);
  if (field.message !== undefined) return messagesReader(printer, field.message, slot);
  const value = field.enum === undefined ? scalarReader(field.scalar) : enumReader(field.enum);
  return field.fieldKind === 'list' ? listReader(printer, value, slot) : singularReader(value, slot, rivals);
}

function singularReader({ wire, read }: ScalarReader, slot: number, rivals: readonly number[]): ReadField {
  return (reader, tag, slots) => {
    if ((tag & 7) !== wire) return reader.skip(tag);
    const text = read(reader);
    if (text === undefined) return;
    for (const rival of rivals) slots[rival] = undefined;
    slots[slot] = text;
  };
}

function listReader(printer: Printer, { wire, read }: ScalarReader, slot: number): ReadField {
  return (reader, tag, slots) => {
    const packed = (tag & 7) === 2 && wire !== 2;
    if (!packed && (tag & 7) !== wire) return reader.skip(tag);
    let list = slots[slot] as string | undefined;
    const end = packed ? reader.delimited() : reader.pos + 1;
    while (reader.pos < end) {
      const text = read(reader);
      if (text !== undefined) list = list === undefined ? text : `${list},${text}`;
    }
    slots[slot] = checked(printer, list);
  };
}

function messageReader(slot: number, rivals: readonly number[]): ReadField {
  return (reader, tag, slots) => {
    const part = messageRange(reader, tag);
    if (part === undefined) return;
    for (const rival of rivals) slots[rival] = undefined;
    const before = slots[slot] as number | Uint8Array | undefined;
    if (before === undefined) {
      slots[slot] = part.start;
      slots[slot + 1] = part.end;
      return;
    }
    const known =
      typeof before === 'number' ? reader.bytes.subarray(before, slots[slot + 1] as number) : before;
    slots[slot] = Buffer.concat([known, reader.bytes.subarray(part.start, part.end)]);
  };
}

function messagesReader(printer: Printer, type: DescMessage, slot: number): ReadField {
  // Looked up late, since types contain themselves.
  let print: Print | undefined;
  return (reader, tag, slots, depth) => {
    const part = messageRange(reader, tag);
    if (part === undefined) return;
    const text = printRange((print ??= printer.of(type)), reader, part.start, part.end, depth);
    const list = slots[slot] as string | undefined;
    slots[slot] = checked(printer, list === undefined ? text : `${list},${text}`);
  };
}

function entryReader(printer: Printer, field: DescField & { fieldKind: 'map' }, slot: number): ReadField {
  const key = scalarReader(field.mapKey);
  const value =
    field.mapKind === 'enum' ? enumReader(field.enum) : field.scalar && scalarReader(field.scalar);
  const zero = field.mapKind === 'enum' ? enumZero(field.enum) : field.scalar && zeroText(field.scalar);
  return (reader, tag, slots, depth) => {
    const part = messageRange(reader, tag);
    if (part === undefined) return;
    const after = reader.pos;
    reader.pos = part.start;
    let keyText = zeroText(field.mapKey);
    let valueText = zero;
    let message: Range | undefined;
    while (reader.pos < part.end) {
      const inner = reader.varint32();
      if (inner === ((1 << 3) | key.wire)) keyText = key.read(reader) ?? keyText;
      else if (value !== undefined && inner === ((2 << 3) | value.wire)) valueText = value.read(reader);
      else if (value === undefined && inner >>> 3 === 2) message = messageRange(reader, inner) ?? message;
      else reader.skip(inner);
    }
    if (reader.pos !== part.end) throw new WireFault('a field goes past the end of its map entry');
    reader.pos = after;
    // A closed enum's unknown value makes the whole entry unknown.
    if (value !== undefined && valueText === undefined) return;
    if (field.message !== undefined)
      valueText = printRange(
        printer.of(field.message),
        reader,
        message?.start ?? 0,
        message?.end ?? 0,
        depth,
      );
    const entries = (slots[slot] as Map<string, string> | undefined) ?? new Map<string, string>();
    entries.set(keyText.startsWith('"') ? keyText : `"${keyText}"`, valueText ?? 'null');
    slots[slot] = entries;
  };
}

function checked(printer: Printer, list: string | undefined): string | undefined {
  if (list !== undefined && list.length > printer.options.maxLength)
    throw new LengthFault('the answer is too long');
  return list;
}
