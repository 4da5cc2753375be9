import { ScalarType, type DescMessage, type Registry } from '@bufbuild/protobuf';
import { hasTextForm, isFreeForm, isWrapper } from '../descriptors.ts';
import { maskToText } from './field-mask.ts';
import { zeroText } from './scalar-to-json.ts';
import { durationToText, timestampToText } from './time.ts';
import { WireFault, WireReader } from './wire-reader.ts';

type Print = (reader: WireReader, end: number, depth: number) => string;

/** What these forms need of the printer of ordinary messages. */
export interface FieldPrinter {
  readonly options: { readonly registry: Registry; readonly maxDepth: number };
  of(type: DescMessage): Print;
  fieldsOf(type: DescMessage): {
    members(reader: WireReader, end: number, depth: number): string;
    single(reader: WireReader, end: number, depth: number): string | undefined;
  };
}

/** How a message is printed whose JSON form is its own (ProtoJSON's table of types); undefined for any other. */
export function wellKnownToJson(printer: FieldPrinter, type: DescMessage): Print | undefined {
  switch (type.typeName) {
    case 'google.protobuf.Timestamp':
      return (reader, end) => {
        const { seconds, nanos } = readTime(reader, end);
        return quoted(timestampToText(seconds, nanos), 'a time');
      };
    case 'google.protobuf.Duration':
      return (reader, end) => {
        const { seconds, nanos } = readTime(reader, end);
        return quoted(durationToText(seconds, nanos), 'a duration');
      };
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
function single(printer: FieldPrinter, type: DescMessage, zero: string): Print {
  return (reader, end, depth) => printer.fieldsOf(type).single(reader, end, depth) ?? zero;
}

function quoted(text: string | undefined, what: string): string {
  if (text === undefined) throw new WireFault(`${what} is out of range`);
  return `"${text}"`;
}

/** Seconds as a double: what it cannot hold exactly is far out of range for both types. */
function readTime(reader: WireReader, end: number): { seconds: number; nanos: number } {
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
  return { seconds, nanos };
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
function any(printer: FieldPrinter, reader: WireReader, end: number, depth: number): string {
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
  const members = printer.fieldsOf(type).members(inner, value.length, depth + 1);
  return members === '' ? `${head}}` : `${head},${members}}`;
}
