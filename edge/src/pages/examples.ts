import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { isLong } from '../codec/draft.ts';
import { isWrapper } from '../descriptors.ts';
import { exampleNumber, exampleText } from './example-text.ts';
import type { Direction, FieldPath, Schemas } from './schemas.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** So deep do examples go, and so many values do they hold, but for what is required. */
const maxDepth = 4;
const maxValues = 150;

/**
 * What a first try goes better without: it is derived where it is absent, or it would be wrong, or it would
 * make the second try a repetition of the first.
 */
const leftToClients = new Set(['etag', 'request_id', 'update_mask', 'validate_only', 'page_token']);

/**
 * Makes examples of messages in their ProtoJSON form, always the same ones: each fits its schema, holds no
 * read-only field in a request and no write-only one in an answer, and one member of each oneof.
 */
export class Examples {
  private readonly schemas: Schemas;

  constructor(schemas: Schemas) {
    this.schemas = schemas;
  }

  message(type: DescMessage, direction: Direction, omit: readonly FieldPath[] = []): Json {
    return new Maker(this.schemas, direction).message(type, [], omit);
  }

  /** A field's value, as the body of a rule that names it. */
  field(field: DescField, direction: Direction, omit: readonly FieldPath[] = []): Json {
    return new Maker(this.schemas, direction).value(field, [], omit);
  }
}

class Maker {
  private readonly schemas: Schemas;
  private readonly direction: Direction;
  private values = 0;

  constructor(schemas: Schemas, direction: Direction) {
    this.schemas = schemas;
    this.direction = direction;
  }

  /** `above`: the messages that this one is in. */
  message(type: DescMessage, above: readonly DescMessage[], omit: readonly FieldPath[] = []): Json {
    const known = this.wellKnown(type);
    if (known !== undefined) return known;
    const members: [string, Json][] = [];
    const stack = [...above, type];
    for (const field of type.fields) {
      const below = omit.filter((path) => path[0] === field).map((path) => path.slice(1));
      if (below.some((path) => path.length === 0) || !this.isShown(field, stack)) continue;
      members.push([field.jsonName, this.value(field, stack, below)]);
    }
    return Object.fromEntries(members);
  }

  value(field: DescField, stack: readonly DescMessage[], omit: readonly FieldPath[]): Json {
    this.values += 1;
    if (field.fieldKind === 'list') return this.tooDeep(field, stack) ? [] : [this.element(field, stack)];
    if (field.fieldKind === 'map') {
      if (this.tooDeep(field, stack)) return {};
      const key =
        field.mapKey === ScalarType.STRING ? 'key' : field.mapKey === ScalarType.BOOL ? 'true' : '1';
      return { [key]: this.element(field, stack) };
    }
    return this.element(field, stack, omit);
  }

  private isShown(field: DescField, stack: readonly DescMessage[]): boolean {
    const { outputOnly, inputOnly } = this.schemas.behavior(field);
    if (this.direction === 'request' ? outputOnly : inputOnly) return false;
    if (field.deprecated && !this.schemas.isRequired(field, this.direction)) return false;
    if (field.oneof !== undefined && this.chosen(field.oneof.fields, stack) !== field) return false;
    if (this.schemas.isRequired(field, this.direction)) return !stack.includes(field.message as DescMessage);
    if (this.direction === 'request' && leftToClients.has(field.name)) return false;
    return this.values < maxValues && !this.tooDeep(field, stack);
  }

  /** The member of a oneof that is shown: the first that does not lead back, and must not be left out. */
  private chosen(fields: readonly DescField[], stack: readonly DescMessage[]): DescField | undefined {
    return fields.find((field) => {
      const { outputOnly, inputOnly } = this.schemas.behavior(field);
      const hidden = this.direction === 'request' ? outputOnly : inputOnly;
      return !hidden && !field.deprecated && !this.tooDeep(field, stack);
    });
  }

  private tooDeep({ message }: DescField, stack: readonly DescMessage[]): boolean {
    if (message === undefined || this.wellKnown(message) !== undefined) return false;
    return stack.includes(message) || stack.length >= maxDepth;
  }

  private element(field: DescField, stack: readonly DescMessage[], omit: readonly FieldPath[] = []): Json {
    if (field.message?.typeName === 'google.protobuf.FieldMask') return maskExample(field, this.schemas);
    if (field.message !== undefined) return this.message(field.message, stack, omit);
    if (field.enum !== undefined) {
      if (field.enum.typeName === 'google.protobuf.NullValue') return null;
      const value = field.enum.values.find((v) => v.number !== 0 && !v.deprecated) ?? field.enum.values[0];
      return value?.jsonName ?? '';
    }
    return scalarExample(field.scalar, field.name);
  }

  private wellKnown(type: DescMessage): Json | undefined {
    if (isWrapper(type)) return scalarExample(type.fields[0]?.scalar ?? ScalarType.STRING, 'value');
    return wellKnown.get(type.typeName);
  }
}

const wellKnown = new Map<string, Json>([
  ['google.protobuf.Timestamp', '2030-01-31T08:30:00Z'],
  ['google.protobuf.Duration', '1.5s'],
  ['google.protobuf.FieldMask', 'name'],
  ['google.protobuf.Struct', { key: 'value' }],
  ['google.protobuf.Value', 'value'],
  ['google.protobuf.ListValue', ['value']],
  // Which types the receiver knows is its own affair.
  ['google.protobuf.Any', {}],
]);

function scalarExample(type: ScalarType, name: string): Json {
  if (type === ScalarType.STRING) return exampleText(name);
  if (type === ScalarType.BYTES) return Buffer.from('example').toString('base64');
  if (type === ScalarType.BOOL) return true;
  const number = exampleNumber(name);
  if (type === ScalarType.DOUBLE || type === ScalarType.FLOAT) return number === 1 ? 1.5 : number;
  return isLong(type) ? String(Math.trunc(number)) : Math.trunc(number);
}

/** A path that the resource beside the mask has (AIP-134). */
function maskExample(mask: DescField, schemas: Schemas): Json {
  for (const { fieldKind, message } of mask.parent.fields) {
    if (fieldKind !== 'message' || wellKnown.has(message.typeName)) continue;
    const field = message.fields.find((f) => f.name !== 'id' && !schemas.behavior(f).outputOnly);
    if (field !== undefined) return field.jsonName;
  }
  return 'name';
}
