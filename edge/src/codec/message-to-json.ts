import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { MessagePrinter } from './message-printer.ts';
import type { Print, Printer, PrintOptions } from './printing.ts';
import { wellKnownToJson } from './well-known-to-json.ts';
import { WireReader } from './wire-reader.ts';

/**
 * Prints encoded messages as ProtoJSON without decoding them into objects first. What a type needs is
 * worked out once, at its first use, as closures: no code is generated, so it works where that is forbidden.
 *
 * Throws a WireFault for bytes that are no such message, a LengthFault for a text that is too long.
 */
export class JsonPrinter implements Printer {
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
      print = wellKnownToJson(this, type) ?? ((reader, end, depth) => fields.print(reader, end, depth, ''));
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
