import type { DescMessage, Registry } from '@bufbuild/protobuf';
import { WireFault, type WireReader } from './wire-reader.ts';

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

/** What the parts of the printer need of the whole. */
export interface Printer {
  readonly options: PrintOptions;
  /** How messages of a type are printed. */
  of(type: DescMessage): Print;
  /** The same for the form that has the shape of its fields, whatever the type. */
  fieldsOf(type: DescMessage): {
    /** The whole object; `head`, if not empty, begins it: a brace and a member. */
    print(reader: WireReader, end: number, depth: number, head: string): string;
    /** The text of the only field that is set, for messages that stand for one value. */
    single(reader: WireReader, end: number, depth: number): string | undefined;
  };
}

/** Prints a message within the reader's bytes, one level below `depth`, and leaves its position as it was. */
export function printRange(
  print: Print,
  reader: WireReader,
  start: number,
  end: number,
  depth: number,
): string {
  const { pos } = reader;
  reader.pos = start;
  const text = print(reader, end, depth + 1);
  if (reader.pos !== end) throw new WireFault('a field goes past the end of its message');
  reader.pos = pos;
  return text;
}
