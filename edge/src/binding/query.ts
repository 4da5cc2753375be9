import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import type { Draft, Value } from '../codec/draft.ts';
import { FieldFault } from '../codec/field-fault.ts';
import { JsonReader, type JsonReadOptions } from '../codec/message-from-json.ts';
import { fieldsByName, hasTextForm, isFreeForm, isWrapper } from '../descriptors.ts';
import { decodeEscapes, EscapeError } from '../routing/captures.ts';

export interface QueryOptions extends JsonReadOptions {
  readonly unknownParameters: 'ignore' | 'refuse';
  /** The deepest nesting of a field. */
  readonly maxDepth: number;
  /** A field that the body holds: parameters for it, or for its own fields, are ignored. */
  readonly bodyField?: DescField;
}

/**
 * Puts the parameters of a raw query (without `?`) into the request. A name is a path of fields in
 * either spelling; a repeated field takes as many parameters as there are. Throws a FieldFault that
 * names the parameter: unknown, two values for one field, two members of one oneof, no text for its type.
 */
export function bindQuery(request: Draft, query: string, options: QueryOptions): void {
  if (query === '') return;
  const seen = new Set<string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals === -1 ? pair : pair.slice(0, equals), pair);
    const text = equals === -1 ? '' : decode(pair.slice(equals + 1), name);
    bindParameter(request, name, text, seen, options);
  }
}

function decode(raw: string, name: string): string {
  try {
    return decodeEscapes(raw.replaceAll('+', ' '));
  } catch (error) {
    if (error instanceof EscapeError) throw new FieldFault(name.slice(0, 100), error.message);
    throw error;
  }
}

function bindParameter(
  request: Draft,
  name: string,
  text: string,
  seen: Set<string>,
  options: QueryOptions,
): void {
  const path = resolve(request.type, name, options.maxDepth);
  if (typeof path === 'string') {
    if (path === '' && options.unknownParameters === 'ignore') return;
    throw new FieldFault(name.slice(0, 100) || '""', path === '' ? 'is no parameter of this method' : path);
  }
  if (path[0] === options.bodyField) return;
  let draft = request;
  for (const field of path) {
    const rival = draft.rival(field);
    if (rival !== undefined)
      throw new FieldFault(name, `excludes ${rival.jsonName}: only one of them can be set`);
    if (field === path.at(-1)) {
      setText(draft, field, name, text, seen, path.map((f) => f.name).join('.'), options);
    } else if (field.fieldKind === 'message') {
      draft = draft.child(field);
    }
  }
}

/** The fields that a parameter's name leads through; text: why it leads nowhere, '' if it is unknown. */
function resolve(type: DescMessage, name: string, maxDepth: number): DescField[] | string {
  const path: DescField[] = [];
  if (name.split('.', maxDepth + 1).length > maxDepth) return `is nested deeper than ${maxDepth} levels`;
  let inner: DescMessage | undefined = type;
  for (const part of name.split('.')) {
    const field: DescField | undefined = inner && fieldsByName(inner).get(part);
    if (field === undefined) return '';
    if (field.fieldKind === 'map') return 'is a map, which a query cannot hold';
    if (field.fieldKind === 'message' && isFreeForm(field.message))
      return `is a ${field.message.typeName}, which a query cannot hold`;
    path.push(field);
    inner = field.fieldKind === 'message' && !hasTextForm(field.message) ? field.message : undefined;
  }
  const leaf = path.at(-1);
  if (inner !== undefined)
    return `is a message: name one of its fields, as in ${name}.${inner.fields[0]?.jsonName}`;
  if (leaf?.fieldKind === 'list' && leaf.listKind === 'message' && !hasTextForm(leaf.message))
    return 'is a list of messages, which a query cannot hold';
  return path;
}

function setText(
  draft: Draft,
  field: DescField,
  name: string,
  text: string,
  seen: Set<string>,
  key: string,
  options: JsonReadOptions,
): void {
  const value = valueFromText(field, text, name, options);
  if (field.fieldKind === 'list') {
    const list = draft.values.get(field);
    if (Array.isArray(list)) list.push(value);
    else draft.values.set(field, [value]);
    return;
  }
  if (seen.has(key)) throw new FieldFault(name, 'has two values, and takes one');
  seen.add(key);
  draft.set(field, value);
}

/**
 * One value of a field from the text of a URL: ProtoJSON's form without its quotes, enums by name or
 * by number. Throws a FieldFault under `name`.
 */
export function valueFromText(field: DescField, text: string, name: string, options: JsonReadOptions): Value {
  const json = jsonOf(field, text);
  const reader = new JsonReader(options, [name]);
  const value = reader.field(field, field.fieldKind === 'list' ? [json] : json);
  return Array.isArray(value) ? (value[0] as Value) : (value as Value);
}

function jsonOf(field: DescField, text: string): string | number | boolean {
  if (field.enum !== undefined) return /^-?\d{1,10}$/.test(text) ? Number(text) : text;
  const wrapped =
    field.message !== undefined && isWrapper(field.message) ? field.message.fields[0] : undefined;
  const isBool = (wrapped?.scalar ?? field.scalar) === ScalarType.BOOL;
  return isBool && (text === 'true' || text === 'false') ? text === 'true' : text;
}
