import type { DescEnum, DescField, DescMessage, Registry } from '@bufbuild/protobuf';
import { isWrapper } from '../descriptors.ts';
import { behaviorReader, type Behavior } from './behavior.ts';
import { commentOf } from './comments.ts';
import { mapKeySchema, scalarSchema, type Schema } from './scalar-schema.ts';
import { nullable, wellKnownSchema } from './well-known-schema.ts';

/** Whether a schema is for what a client sends, or for what it gets. */
export type Direction = 'request' | 'response';

/** A path of fields below a message. */
export type FieldPath = readonly DescField[];

/** With more members, that they exclude each other is only said: pairs grow with the square. */
const maxCheckedMembers = 10;

/**
 * JSON Schemas of messages in their ProtoJSON form. A message or an enum that is asked for becomes a
 * component under its full name; one whose required fields differ between requests and answers becomes
 * a second one, `<full name>-request` (no protobuf name has a hyphen).
 */
export class Schemas {
  readonly behavior: (field: DescField) => Behavior;
  private readonly components = new Map<string, Schema>();
  private readonly pending: (() => void)[] = [];
  private readonly twofold: (type: DescMessage) => boolean;

  constructor(registry: Registry) {
    this.behavior = behaviorReader(registry);
    this.twofold = twofoldFinder(registry, this.behavior);
  }

  /** A message: a reference, but for types whose JSON form is their own. */
  message(type: DescMessage, direction: Direction): Schema {
    const known = wellKnownSchema(type);
    if (known !== undefined) return known;
    const own = direction === 'request' && this.twofold(type);
    return this.component(own ? `${type.typeName}-request` : type.typeName, () =>
      this.object(type, direction),
    );
  }

  /** A field's value, without what is said of the field itself. */
  value(field: DescField, direction: Direction): Schema {
    const schema = this.element(field, direction);
    if (field.fieldKind === 'list') return { type: 'array', items: schema };
    if (field.fieldKind === 'map') {
      const propertyNames = mapKeySchema(field.mapKey);
      return { type: 'object', additionalProperties: schema, ...(propertyNames && { propertyNames }) };
    }
    return field.message !== undefined && isWrapper(field.message) ? nullable(schema) : schema;
  }

  /** One value of a field, or one of its elements. */
  element(field: DescField, direction: Direction): Schema {
    if (field.message !== undefined) return this.message(field.message, direction);
    if (field.enum !== undefined) return this.enum(field.enum);
    return scalarSchema(field.scalar);
  }

  /**
   * A message's object. `omit`: fields, or fields of its fields, that are left out, because the URL
   * holds them; `partial`: nothing is required, as in an update.
   */
  object(type: DescMessage, direction: Direction, omit: readonly FieldPath[] = [], partial = false): Schema {
    const properties: [string, Schema][] = [];
    const required: string[] = [];
    const kept = new Set<DescField>();
    for (const field of type.fields) {
      const below = omit.filter((path) => path[0] === field).map((path) => path.slice(1));
      if (below.some((path) => path.length === 0)) continue;
      kept.add(field);
      const value =
        below.length > 0 && field.fieldKind === 'message'
          ? this.object(field.message, direction, below, partial)
          : this.value(field, direction);
      properties.push([field.jsonName, this.described(field, value)]);
      if (!partial && this.isRequired(field, direction)) required.push(field.jsonName);
    }
    const comment = commentOf(type);
    return {
      type: 'object',
      ...(comment !== '' && { description: comment }),
      ...(type.deprecated && { deprecated: true }),
      ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
      ...(required.length > 0 && { required }),
      ...exclusions(type, kept),
    };
  }

  isRequired(field: DescField, direction: Direction): boolean {
    const { required, outputOnly, inputOnly } = this.behavior(field);
    return required && !(direction === 'request' ? outputOnly : inputOnly);
  }

  /** A value's schema with what the field says of it. */
  described(field: DescField, value: Schema): Schema {
    const { immutable, outputOnly, inputOnly } = this.behavior(field);
    const notes = [commentOf(field) || ((value['description'] as string | undefined) ?? '')];
    if (immutable) notes.push('It cannot be changed later.');
    if (field.oneof !== undefined && field.oneof.fields.length > 1)
      notes.push(
        `At most one can be set of: ${field.oneof.fields.map((f) => `\`${f.jsonName}\``).join(', ')}.`,
      );
    const description = notes.filter((note) => note !== '').join('\n\n');
    return {
      ...value,
      ...(description !== '' && { description }),
      ...(field.deprecated && { deprecated: true }),
      ...(outputOnly && { readOnly: true }),
      ...(inputOnly && { writeOnly: true }),
    };
  }

  /** Everything that was asked for, by name, with all that it needs. */
  all(): [string, Schema][] {
    for (let next = this.pending.pop(); next !== undefined; next = this.pending.pop()) next();
    return [...this.components].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  private enum(type: DescEnum): Schema {
    if (type.typeName === 'google.protobuf.NullValue') return { type: 'null' };
    return this.component(type.typeName, () => enumSchema(type));
  }

  /** Built later, so that a type may hold itself, however deep. */
  private component(name: string, build: () => Schema): Schema {
    if (!this.components.has(name)) {
      this.components.set(name, {});
      this.pending.push(() => this.components.set(name, build()));
    }
    return { $ref: `#/components/schemas/${name}` };
  }
}

function enumSchema(type: DescEnum): Schema {
  const values = type.values.map((value) => {
    const comment = commentOf(value).replaceAll('\n', ' ');
    const note = [comment, value.deprecated ? '(deprecated)' : ''].filter((part) => part !== '').join(' ');
    return note === '' ? '' : `- \`${value.jsonName}\`: ${note}`;
  });
  const description = [commentOf(type), values.filter((line) => line !== '').join('\n')];
  const text = description.filter((part) => part !== '').join('\n\n');
  return {
    type: 'string',
    ...(text !== '' && { description: text }),
    ...(type.deprecated && { deprecated: true }),
    enum: [...new Set(type.values.map((value) => value.jsonName))],
  };
}

/** That no two members of a oneof stand together. */
function exclusions(type: DescMessage, kept: ReadonlySet<DescField>): Schema {
  const pairs = type.oneofs.flatMap((oneof) => {
    const names = oneof.fields.filter((field) => kept.has(field)).map((field) => field.jsonName);
    if (names.length > maxCheckedMembers) return [];
    return names.flatMap((name, index) =>
      names.slice(index + 1).map((other) => ({ required: [name, other] })),
    );
  });
  return pairs.length === 0 ? {} : { not: { anyOf: pairs } };
}

/** Whether a message holds, at any depth, a field that is required in one direction alone. */
function twofoldFinder(
  registry: Registry,
  behavior: (field: DescField) => Behavior,
): (type: DescMessage) => boolean {
  const isTwofold = (field: DescField): boolean => {
    const { required, outputOnly, inputOnly } = behavior(field);
    return required && outputOnly !== inputOnly;
  };
  const sources = new Set<DescMessage>();
  for (const type of registry) if (type.kind === 'message' && type.fields.some(isTwofold)) sources.add(type);
  const known = new Map<DescMessage, boolean>();
  return (type) => {
    if (sources.size === 0) return false;
    let answer = known.get(type);
    if (answer === undefined) known.set(type, (answer = reaches(type, sources)));
    return answer;
  };
}

function reaches(from: DescMessage, targets: ReadonlySet<DescMessage>): boolean {
  const seen = new Set([from]);
  for (const type of seen) {
    if (targets.has(type)) return true;
    for (const field of type.fields)
      if (field.message !== undefined && wellKnownSchema(field.message) === undefined)
        seen.add(field.message);
  }
  return false;
}
