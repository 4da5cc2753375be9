import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** A span as it was exported. Ids are hexadecimal; an absent parent is ''. */
export interface ExportedSpan {
  /** `service.name` of the process that made it. */
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: 'UNSPECIFIED' | 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER';
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly {
    readonly name: string;
    readonly attributes: Readonly<Record<string, unknown>>;
  }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: 'UNSET' | 'OK' | 'ERROR';
}

/** The fields of one message by their numbers; each in the order in which it came. */
type Fields = ReadonlyMap<number, readonly unknown[]>;

const kinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] as const;
const statuses = ['UNSET', 'OK', 'ERROR'] as const;

/** The spans of an ExportTraceServiceRequest (opentelemetry-proto, trace/v1/trace.proto), as protobuf. */
export function decodeSpans(request: Uint8Array): ExportedSpan[] {
  return messages(fieldsOf(request), 1).flatMap((resourceSpans) => {
    const [resource] = messages(resourceSpans, 1);
    const service = String(attributesOf(resource ?? new Map(), 1)['service.name']);
    return messages(resourceSpans, 2)
      .flatMap((scopeSpans) => messages(scopeSpans, 2))
      .map((span) => decodeSpan(service, span));
  });
}

function decodeSpan(service: string, span: Fields): ExportedSpan {
  const [status] = messages(span, 15);
  return {
    service,
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentSpanId: hex(span, 4),
    name: text(span, 5),
    kind: kinds[number(span, 6)] ?? 'UNSPECIFIED',
    attributes: attributesOf(span, 9),
    events: messages(span, 11).map((event) => ({ name: text(event, 2), attributes: attributesOf(event, 3) })),
    links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
    status: statuses[status === undefined ? 0 : number(status, 3)] ?? 'UNSET',
  };
}

function attributesOf(message: Fields, field: number): Record<string, unknown> {
  return Object.fromEntries(
    messages(message, field).map((pair) => [text(pair, 1), valueOf(messages(pair, 2)[0] ?? new Map())]),
  );
}

/** An AnyValue: a string, a boolean, an integer, a double or a list of them. */
function valueOf(value: Fields): unknown {
  if (value.has(1)) return text(value, 1);
  if (value.has(2)) return number(value, 2) === 1;
  if (value.has(3)) return number(value, 3);
  if (value.has(4)) return Buffer.from(first(value, 4) as Uint8Array).readDoubleLE();
  if (value.has(5)) return messages(messages(value, 5)[0] ?? new Map(), 1).map(valueOf);
  return undefined;
}

function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, unknown[]>();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const values = fields.get(field) ?? [];
    values.push(readValue(reader, type));
    fields.set(field, values);
  }
  return fields;
}

function readValue(reader: BinaryReader, type: WireType): unknown {
  if (type === WireType.LengthDelimited) return reader.bytes();
  if (type === WireType.Varint) return reader.int64();
  return reader.skip(type);
}

const first = (message: Fields, field: number): unknown => message.get(field)?.[0];
const messages = (message: Fields, field: number): Fields[] =>
  (message.get(field) ?? []).map((bytes) => fieldsOf(bytes as Uint8Array));
const text = (message: Fields, field: number): string =>
  Buffer.from((first(message, field) as Uint8Array | undefined) ?? []).toString();
const hex = (message: Fields, field: number): string =>
  Buffer.from((first(message, field) as Uint8Array | undefined) ?? []).toString('hex');
const number = (message: Fields, field: number): number => Number(first(message, field) ?? 0);
