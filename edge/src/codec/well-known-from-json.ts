import { ScalarType, type DescField, type DescMessage, type Registry } from '@bufbuild/protobuf';
import { hasTextForm, isFreeForm } from '../descriptors.ts';
import { Draft, type Value } from './draft.ts';
import { encodeDraft } from './encode.ts';
import { maskFromText } from './field-mask.ts';
import { BigNumber, isObject, type Json } from './json-text.ts';
import { expected, scalarFromJson, ValueFault } from './scalar-from-json.ts';
import { durationFromText, timestampFromText } from './time.ts';

/** What these forms need of the reader of ordinary messages. */
export interface FieldReader {
  readonly options: { readonly registry: Registry };
  readMessage(type: DescMessage, json: Json): Draft;
  readFields(draft: Draft, json: Json, skip?: string): Draft;
  readField(field: DescField, json: Json): Value | undefined;
  enter(step: string): void;
  leave(): void;
}

/** A message whose JSON form is its own (ProtoJSON's table of types); undefined for any other. */
export function wellKnownFromJson(reader: FieldReader, type: DescMessage, json: Json): Draft | undefined {
  switch (type.typeName) {
    case 'google.protobuf.Timestamp':
      return time(type, timestampFromText(text(json, 'a time')));
    case 'google.protobuf.Duration':
      return time(type, durationFromText(text(json, 'a duration')));
    case 'google.protobuf.FieldMask':
      return filled(type, 1, maskFromText(text(json, 'a list of field paths')));
    case 'google.protobuf.Struct':
      return struct(reader, type, json);
    case 'google.protobuf.ListValue':
      return listValue(reader, type, json);
    case 'google.protobuf.Value':
      return value(reader, type, json);
    case 'google.protobuf.Any':
      return any(reader, type, json);
    default:
      return undefined;
  }
}

function text(json: Json, what: string): string {
  if (typeof json !== 'string') throw expected(`${what}, as a string`, json);
  return json;
}

function time(type: DescMessage, { seconds, nanos }: { seconds: bigint; nanos: number }): Draft {
  const draft = filled(type, 1, seconds);
  draft.set(fieldOf(type, 2), nanos);
  return draft;
}

function struct(reader: FieldReader, type: DescMessage, json: Json): Draft {
  if (!isObject(json)) throw expected('an object', json);
  const fields = fieldOf(type, 1);
  return filled(type, 1, reader.readField(fields, json) as Value);
}

function listValue(reader: FieldReader, type: DescMessage, json: Json): Draft {
  return filled(type, 1, reader.readField(fieldOf(type, 1), json ?? []) as Value);
}

/** google.protobuf.Value: one field for each kind of JSON value. */
function value(reader: FieldReader, type: DescMessage, json: Json): Draft {
  if (json === null) return filled(type, 1, 0);
  if (typeof json === 'number' || json instanceof BigNumber)
    return filled(type, 2, scalarFromJson(ScalarType.DOUBLE, json));
  if (typeof json === 'string') return filled(type, 3, scalarFromJson(ScalarType.STRING, json));
  if (typeof json === 'boolean') return filled(type, 4, json);
  const field = fieldOf(type, Array.isArray(json) ? 6 : 5);
  return filled(type, field.number, reader.readField(field, json) as Value);
}

function any(reader: FieldReader, type: DescMessage, json: Json): Draft {
  if (!isObject(json)) throw expected('an object (google.protobuf.Any)', json);
  const url = json['@type'];
  if (url === undefined) {
    if (Object.keys(json).length === 0) return new Draft(type);
    throw new ValueFault('needs "@type", since it is a google.protobuf.Any');
  }
  reader.enter('@type');
  if (typeof url !== 'string') throw expected('a string', url);
  const inner = reader.options.registry.getMessage(url.slice(url.lastIndexOf('/') + 1));
  if (inner === undefined || !url.includes('/'))
    throw new ValueFault(`names no known type: ${url.slice(0, 200)}`);
  reader.leave();
  const draft =
    hasTextForm(inner) || isFreeForm(inner)
      ? valueMember(reader, inner, json['value'] ?? null)
      : reader.readFields(new Draft(inner), json, '@type');
  const message = filled(type, 1, url);
  message.set(fieldOf(type, 2), encodeDraft(draft));
  return message;
}

/** Of a type whose JSON form is no object of its fields. */
function valueMember(reader: FieldReader, type: DescMessage, json: Json): Draft {
  reader.enter('value');
  const draft = reader.readMessage(type, json);
  reader.leave();
  return draft;
}

function filled(type: DescMessage, number: number, content: Value): Draft {
  const draft = new Draft(type);
  draft.set(fieldOf(type, number), content);
  return draft;
}

function fieldOf(type: DescMessage, number: number): DescField {
  const field = type.fields.find((candidate) => candidate.number === number);
  if (field === undefined) throw new Error(`${type.typeName} has no field ${number}`);
  return field;
}
