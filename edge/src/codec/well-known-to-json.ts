import { ScalarType, type DescMessage } from '@bufbuild/protobuf';
import { hasTextForm, isFreeForm, isWrapper } from '../descriptors.ts';
import { maskToText } from './field-mask.ts';
import type { Print, Printer } from './printing.ts';
import { zeroText } from './scalar-to-json.ts';
import { durationToText, timestampToText } from './time.ts';
import { WireFault, WireReader } from './wire-reader.ts';

/** How a message is printed whose JSON form is its own (ProtoJSON's table of types); undefined for any other. */
export function wellKnownToJson(printer: Printer, type: DescMessage): Print | undefined {
  switch (type.typeName) {
    case 'google.protobuf.Timestamp':
      return time(timestampToText, 'a time');
    case 'google.protobuf.Duration':
      return time(durationToText, 'a duration');
    case 'google.protobuf.FieldMask':
      return (reader, end) => JSON.stringify(maskToText(strings(reader, end)));
    case 'google.protobuf.Any':
      return (reader, end, depth) => any(printer, reader, end, depth);
    case 'google.protobuf.Struct':
      return single(printer, type, '{}');
    case 'google.protobuf.ListValue':
      return single(printer, type, '[]');
    case 'google.protobuf.Value':
      return single(printer, type, 'null');
    default:
      return isWrapper(type)
        ? single(printer, type, zeroText(type.fields[0]?.scalar ?? ScalarType.STRING))
        : undefined;
  }
}

/** A message that stands for its only field that is set. */
function single(printer: Printer, type: DescMessage, zero: string): Print {
  return (reader, end, depth) => printer.fieldsOf(type).single(reader, end, depth) ?? zero;
}

/** Seconds as a double: what it cannot hold exactly is far out of range for both types. */
function time(textOf: (seconds: number, nanos: number) => string | undefined, what: string): Print {
  return (reader, end) => {
    let seconds = 0;
    let nanos = 0;
    while (reader.pos < end) {
      const tag = reader.varint32();
      if (tag === 0x08) {
        const low = reader.varint64() >>> 0;
        seconds = reader.high * 0x1_0000_0000 + low;
      } else if (tag === 0x10) nanos = reader.varint32() | 0;
      else reader.skip(tag);
    }
    const text = textOf(seconds, nanos);
    if (text === undefined) throw new WireFault(`${what} is out of range`);
    return `"${text}"`;
  };
}

function strings(reader: WireReader, end: number): string[] {
  const list: string[] = [];
  while (reader.pos < end) {
    const tag = reader.varint32();
    if (tag === 0x0a) list.push(reader.string());
    else reader.skip(tag);
  }
  return list;
}

/** A type that is not known does not hide what carries it: its bytes are printed as base64. */
function any(printer: Printer, reader: WireReader, end: number, depth: number): string {
  if (depth > printer.options.maxDepth) throw new WireFault('messages are nested too deep');
  let url = '';
  let value = Buffer.alloc(0);
  while (reader.pos < end) {
    const tag = reader.varint32();
    if (tag === 0x0a) url = reader.string();
    else if (tag === 0x12) {
      const valueEnd = reader.delimited();
      value = reader.bytes.subarray(reader.pos, valueEnd) as Buffer<ArrayBuffer>;
      reader.pos = valueEnd;
    } else reader.skip(tag);
  }
  if (url === '') return '{}';
  const head = `{"@type":${JSON.stringify(url)}`;
  const type = printer.options.registry.getMessage(url.slice(url.lastIndexOf('/') + 1));
  if (type === undefined) return `${head},"value":"${value.toString('base64')}"}`;
  const inner = new WireReader(value);
  if (hasTextForm(type) || isFreeForm(type))
    return `${head},"value":${printer.of(type)(inner, value.length, depth + 1)}}`;
  return printer.fieldsOf(type).print(inner, value.length, depth + 1, head);
}
