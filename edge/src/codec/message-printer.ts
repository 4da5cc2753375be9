import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { extensionsOf, isExtension, isSingular } from '../descriptors.ts';
import { fieldReader, type ReadField, type Slot } from './field-readers.ts';
import { absentText } from './field-to-json.ts';
import { LengthFault, printRange, type Print, type Printer } from './printing.ts';
import { WireFault, WireReader } from './wire-reader.ts';

/** What is known of a field of one type. */
interface Entry {
  readonly field: DescField;
  /** Where its value is in the slots; a message takes two, the start and the end of its bytes. */
  readonly slot: number;
  readonly isList: boolean;
  /** `{"name":` and `,"name":` */
  readonly first: string;
  readonly next: string;
  /** What is printed when the field is not set; undefined: nothing. */
  readonly absent: string | undefined;
  readonly read: ReadField;
  /** Of a message field; looked up late, since types contain themselves. */
  print: Print | undefined;
}

/** Field numbers up to here are looked up in an array, the others in a Map. */
const denseNumbers = 1024;

/**
 * Prints the messages of one type whose JSON form has the shape of their fields: a pass over the bytes
 * puts each field's text into its slot, then the slots are joined in the order of the descriptor.
 */
export class MessagePrinter {
  private readonly entries: readonly Entry[];
  private readonly dense: (Entry | undefined)[];
  private readonly sparse = new Map<number, Entry>();
  /** Slots of which none is filled. */
  private readonly blank: readonly Slot[];
  private readonly printer: Printer;

  constructor(printer: Printer, type: DescMessage) {
    this.printer = printer;
    let count = 0;
    const fields = [...type.fields, ...extensionsOf(printer.options.registry, type)];
    const slots = fields.map((field) => {
      const slot = count;
      count += field.fieldKind === 'message' ? 2 : 1;
      return slot;
    });
    this.blank = Array.from<Slot>({ length: count });
    this.entries = fields.map((field, index) => this.entry(type, field, slots[index] ?? 0, slots));
    const highest = Math.max(0, ...fields.map(({ number }) => (number < denseNumbers ? number : 0)));
    this.dense = Array.from<Entry | undefined>({ length: highest + 1 });
    for (const entry of this.entries) {
      if (entry.field.number < denseNumbers) this.dense[entry.field.number] = entry;
      else this.sparse.set(entry.field.number, entry);
    }
  }

  /** The whole object; `head`, if not empty, begins it: a brace and a member. */
  print(reader: WireReader, end: number, depth: number, head: string): string {
    const slots = this.collect(reader, end, depth);
    let text = head;
    const { entries } = this;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as Entry;
      const slot = slots[entry.slot];
      let value = entry.absent;
      if (typeof slot === 'string') value = entry.isList ? `[${slot}]` : slot;
      else if (slot !== undefined) value = this.finish(reader, slots, slot, entry, depth);
      if (value !== undefined) text = text === '' ? entry.first + value : text + entry.next + value;
    }
    if (text.length > this.printer.options.maxLength) throw new LengthFault('the answer is too long');
    return text === '' ? '{}' : `${text}}`;
  }

  private collect(reader: WireReader, end: number, depth: number): Slot[] {
    if (depth > this.printer.options.maxDepth) throw new WireFault('messages are nested too deep');
    const slots = this.blank.slice();
    const { dense } = this;
    while (reader.pos < end) {
      const tag = reader.varint32();
      const number = tag >>> 3;
      const entry = number < dense.length ? dense[number] : this.sparse.get(number);
      if (entry === undefined) reader.skip(tag);
      else entry.read(reader, tag, slots, depth);
    }
    if (reader.pos !== end) throw new WireFault('a field goes past the end of its message');
    return slots;
  }

  /** The text of the only field that is set, for messages that stand for one value. */
  single(reader: WireReader, end: number, depth: number): string | undefined {
    const slots = this.collect(reader, end, depth);
    for (const entry of this.entries) {
      const slot = slots[entry.slot];
      if (slot !== undefined) return this.finish(reader, slots, slot, entry, depth);
    }
    return undefined;
  }

  /** The text of one field; undefined when it is not set. */
  one(reader: WireReader, end: number, field: DescField): string | undefined {
    const slots = this.collect(reader, end, 0);
    const entry = this.entries.find((candidate) => candidate.field === field);
    const slot = entry && slots[entry.slot];
    return slot === undefined || entry === undefined ? undefined : this.finish(reader, slots, slot, entry, 0);
  }

  /** What stands for a field that is not set, where something must. */
  zero(field: DescField): string {
    return absentText(field) ?? 'null';
  }

  private finish(
    reader: WireReader,
    slots: readonly Slot[],
    slot: string | number | Uint8Array | Map<string, string>,
    entry: Entry,
    depth: number,
  ): string {
    if (typeof slot === 'string') return entry.isList ? `[${slot}]` : slot;
    if (slot instanceof Map) return `{${[...slot].map(([key, value]) => `${key}:${value}`).join(',')}}`;
    const print = (entry.print ??= this.printer.of(entry.field.message as DescMessage));
    if (typeof slot !== 'number') return print(new WireReader(slot), slot.length, depth + 1);
    return printRange(print, reader, slot, slots[entry.slot + 1] as number, depth);
  }

  private entry(type: DescMessage, field: DescField, slot: number, slots: readonly number[]): Entry {
    const implicit = field.presence === FeatureSet_FieldPresence.IMPLICIT;
    const always = !isExtension(field) && (implicit || !isSingular(field));
    const printed = this.printer.options.emitDefaults && always;
    const siblings = field.oneof?.fields ?? [];
    const rivals = siblings
      .filter((other) => other !== field)
      .map((other) => slots[type.fields.indexOf(other)] ?? 0);
    const name = JSON.stringify(field.jsonName);
    return {
      field,
      slot,
      isList: field.fieldKind === 'list',
      first: `{${name}:`,
      next: `,${name}:`,
      absent: printed ? absentText(field) : undefined,
      read: fieldReader(this.printer, field, slot, rivals),
      print: undefined,
    };
  }
}
