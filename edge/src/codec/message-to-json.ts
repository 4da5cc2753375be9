import type { DescField, DescMessage, Registry } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { isSingular } from '../descriptors.ts';
import {
  absentText,
  enumReader,
  enumZero,
  messageRange,
  scalarReader,
  type Range,
  type ScalarReader,
} from './field-to-json.ts';
import { zeroText } from './scalar-to-json.ts';
import { wellKnownToJson } from './well-known-to-json.ts';
import { WireFault, WireReader } from './wire-reader.ts';

export interface PrintOptions {
  /** Where the types in `google.protobuf.Any` are looked up. */
  readonly registry: Registry;
  /** Print fields without presence also at zero. */
  readonly emitDefaults: boolean;
  /** The longest JSON text, characters. */
  readonly maxLength: number;
  /** The deepest nesting of messages. */
  readonly maxDepth: number;
}

/** An answer that is longer than the limit. */
export class LengthFault extends Error {
  override readonly name = 'LengthFault';
}

/** Prints the fields of a message in `reader`, from its position to `end`. */
export type Print = (reader: WireReader, end: number, depth: number) => string;

/**
 * Prints encoded messages as ProtoJSON without decoding them into objects first. What a type needs is
 * worked out once, at its first use.
 *
 * Throws a WireFault for bytes that are no such message, a LengthFault for a text that is too long.
 */
export class JsonPrinter {
  readonly options: PrintOptions;
  private readonly prints = new Map<DescMessage, Print>();
  private readonly messages = new Map<DescMessage, MessagePrinter>();

  constructor(options: PrintOptions) {
    this.options = options;
  }

  /** A whole message. */
  message(type: DescMessage, bytes: Uint8Array): string {
    return this.of(type)(new WireReader(bytes), bytes.length, 0);
  }

  /** One field of a message, as `response_body` asks; its zero value where it is not set. */
  field(type: DescMessage, field: DescField, bytes: Uint8Array): string {
    const printer = this.fieldsOf(type);
    return printer.one(new WireReader(bytes), bytes.length, field) ?? printer.zero(field);
  }

  of(type: DescMessage): Print {
    let print = this.prints.get(type);
    if (print === undefined) {
      const fields = this.fieldsOf(type);
      print = wellKnownToJson(this, type) ?? ((reader, end, depth) => fields.print(reader, end, depth));
      this.prints.set(type, print);
    }
    return print;
  }

  fieldsOf(type: DescMessage): MessagePrinter {
    let printer = this.messages.get(type);
    if (printer === undefined) this.messages.set(type, (printer = new MessagePrinter(this, type)));
    return printer;
  }
}

/** A field's text so far; a message is kept encoded, since a later part of it would be merged into it. */
type Slot = string | Map<string, string> | Range | Uint8Array | undefined;

interface Entry {
  readonly field: DescField;
  readonly index: number;
  /** `"name":` */
  readonly key: string;
  /** What is printed when the field is not set; undefined: nothing. */
  readonly absent: string | undefined;
  readonly rivals: readonly number[];
  read(reader: WireReader, tag: number, slots: Slot[], depth: number): void;
}

/** Prints the messages of one type whose JSON form has the shape of their fields. */
export class MessagePrinter {
  private readonly entries: readonly Entry[];
  private readonly byNumber: ReadonlyMap<number, Entry>;
  private readonly printer: JsonPrinter;

  constructor(printer: JsonPrinter, type: DescMessage) {
    this.printer = printer;
    this.entries = type.fields.map((field, index) => this.entry(type, field, index));
    this.byNumber = new Map(this.entries.map((entry) => [entry.field.number, entry]));
  }

  print(reader: WireReader, end: number, depth: number): string {
    const text = this.members(reader, end, depth);
    return `{${text}}`;
  }

  /** The members without the braces. */
  members(reader: WireReader, end: number, depth: number): string {
    const slots = this.collect(reader, end, depth);
    let text = '';
    for (const entry of this.entries) {
      const value = this.finish(reader, slots[entry.index], entry, depth) ?? entry.absent;
      if (value === undefined) continue;
      text += text === '' ? entry.key + value : `,${entry.key}${value}`;
    }
    if (text.length > this.printer.options.maxLength) throw new LengthFault('the answer is too long');
    return text;
  }

  collect(reader: WireReader, end: number, depth: number): Slot[] {
    if (depth > this.printer.options.maxDepth) throw new WireFault('messages are nested too deep');
    const slots: Slot[] = [];
    while (reader.pos < end) {
      const tag = reader.varint32();
      const entry = this.byNumber.get(tag >>> 3);
      if (entry === undefined) reader.skip(tag);
      else entry.read(reader, tag, slots, depth);
    }
    if (reader.pos !== end) throw new WireFault('a field goes past the end of its message');
    return slots;
  }

  /** The text of the only field that is set, for messages that stand for one value. */
  single(reader: WireReader, end: number, depth: number): string | undefined {
    const slots = this.collect(reader, end, depth);
    const entry = this.entries.find(({ index }) => slots[index] !== undefined);
    return entry && this.finish(reader, slots[entry.index], entry, depth);
  }

  /** The text of one field; undefined when it is not set. */
  one(reader: WireReader, end: number, field: DescField): string | undefined {
    const slots = this.collect(reader, end, 0);
    const entry = this.byNumber.get(field.number);
    return entry && this.finish(reader, slots[entry.index], entry, 0);
  }

  /** What stands for a field that is not set, where something must. */
  zero(field: DescField): string {
    return this.byNumber.get(field.number)?.absent ?? absentText(field) ?? 'null';
  }

  private finish(reader: WireReader, slot: Slot, entry: Entry, depth: number): string | undefined {
    if (slot === undefined) return undefined;
    if (typeof slot === 'string') return entry.field.fieldKind === 'list' ? `[${slot}]` : slot;
    if (slot instanceof Map) return `{${[...slot].map(([key, value]) => `${key}:${value}`).join(',')}}`;
    const type = entry.field.message;
    if (type === undefined) throw new Error(`${entry.field.name} is no message`);
    if (slot instanceof Uint8Array)
      return this.printer.of(type)(new WireReader(slot), slot.length, depth + 1);
    return this.nested(type, reader, slot, depth);
  }

  /** Prints a message within the reader's bytes, and leaves its position as it was. */
  private nested(type: DescMessage, reader: WireReader, { start, end }: Range, depth: number): string {
    const { pos } = reader;
    reader.pos = start;
    const text = this.printer.of(type)(reader, end, depth + 1);
    if (reader.pos !== end) throw new WireFault('a field goes past the end of its message');
    reader.pos = pos;
    return text;
  }

  private entry(type: DescMessage, field: DescField, index: number): Entry {
    const implicit = field.presence === FeatureSet_FieldPresence.IMPLICIT;
    const printed = this.printer.options.emitDefaults && (implicit || !isSingular(field));
    const siblings = field.oneof?.fields ?? [];
    return {
      field,
      index,
      key: `${JSON.stringify(field.jsonName)}:`,
      absent: printed ? absentText(field) : undefined,
      rivals: siblings.filter((other) => other !== field).map((other) => type.fields.indexOf(other)),
      read: this.reader(field, index),
    };
  }

  private reader(field: DescField, index: number): Entry['read'] {
    if (field.fieldKind === 'map') return this.readEntry(field, index);
    if (field.message !== undefined)
      return field.fieldKind === 'list' ? this.readMessages(field.message, index) : this.readMessage(index);
    const value = field.enum === undefined ? scalarReader(field.scalar) : enumReader(field.enum);
    return field.fieldKind === 'list' ? this.readScalars(value, index) : this.readScalar(value, index);
  }

  private readScalar(value: ScalarReader, index: number): Entry['read'] {
    return (reader, tag, slots) => {
      if ((tag & 7) !== value.wire) return reader.skip(tag);
      const text = value.read(reader);
      if (text === undefined) return;
      this.clearRivals(slots, index);
      slots[index] = text;
    };
  }

  private readScalars(value: ScalarReader, index: number): Entry['read'] {
    return (reader, tag, slots) => {
      const packed = (tag & 7) === 2 && value.wire !== 2;
      if (!packed && (tag & 7) !== value.wire) return reader.skip(tag);
      let list = slots[index] as string | undefined;
      const end = packed ? reader.delimited() : reader.pos + 1;
      while (reader.pos < end) {
        const text = value.read(reader);
        if (text !== undefined) list = list === undefined ? text : `${list},${text}`;
      }
      slots[index] = this.checked(list);
    };
  }

  private readMessage(index: number): Entry['read'] {
    return (reader, tag, slots) => {
      const part = messageRange(reader, tag);
      if (part === undefined) return;
      this.clearRivals(slots, index);
      const before = slots[index] as Range | Uint8Array | undefined;
      slots[index] =
        before === undefined ? part : Buffer.concat([bytesOf(reader, before), bytesOf(reader, part)]);
    };
  }

  private readMessages(type: DescMessage, index: number): Entry['read'] {
    return (reader, tag, slots, depth) => {
      const part = messageRange(reader, tag);
      if (part === undefined) return;
      const text = this.nested(type, reader, part, depth);
      const list = slots[index] as string | undefined;
      slots[index] = this.checked(list === undefined ? text : `${list},${text}`);
    };
  }

  private readEntry(field: DescField & { fieldKind: 'map' }, index: number): Entry['read'] {
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
        valueText = this.nested(field.message, reader, message ?? { start: 0, end: 0 }, depth);
      const entries = (slots[index] as Map<string, string> | undefined) ?? new Map<string, string>();
      entries.set(keyText.startsWith('"') ? keyText : `"${keyText}"`, valueText ?? 'null');
      slots[index] = entries;
    };
  }

  private clearRivals(slots: Slot[], index: number): void {
    for (const rival of this.entries[index]?.rivals ?? []) slots[rival] = undefined;
  }

  private checked(list: string | undefined): string | undefined {
    if (list !== undefined && list.length > this.printer.options.maxLength)
      throw new LengthFault('the answer is too long');
    return list;
  }
}

function bytesOf(reader: WireReader, part: Range | Uint8Array): Uint8Array {
  return part instanceof Uint8Array ? part : reader.bytes.subarray(part.start, part.end);
}
