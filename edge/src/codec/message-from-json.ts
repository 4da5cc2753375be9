import { ScalarType, type DescField, type DescMessage, type Registry } from '@bufbuild/protobuf';
import { extensionNamed, fieldsByName, isWrapper } from '../descriptors.ts';
import { Draft, type Scalar, type Value } from './draft.ts';
import { FieldFault } from './field-fault.ts';
import { isObject, type Json } from './json-text.ts';
import { enumFromJson, expected, mapKeyFromJson, scalarFromJson, ValueFault } from './scalar-from-json.ts';
import { wellKnownFromJson } from './well-known-from-json.ts';

export interface JsonReadOptions {
  /** Where the types in `google.protobuf.Any` are looked up. */
  readonly registry: Registry;
  /** What a field does that the message has not; null values count too. */
  readonly unknownFields: 'ignore' | 'refuse';
}

/**
 * Reads messages from ProtoJSON (protobuf.dev/programming-guides/json), strictly: what the page does
 * not allow is refused, with the path of the field. One reader reads one body.
 */
export class JsonReader {
  readonly options: JsonReadOptions;
  private readonly prefix: string;
  /** Where the reader is: what it would cost to write it out is spent when it must be told. */
  private readonly path: Step[] = [];

  /** `path`: where in the request message the body belongs, in JSON names. */
  constructor(options: JsonReadOptions, path: readonly string[] = []) {
    this.options = options;
    this.prefix = path.join('.');
  }

  /** Throws a FieldFault for the first value that does not fit. */
  message(type: DescMessage, json: Json): Draft {
    return this.guard(() => this.readMessage(type, json));
  }

  /** A field's value; undefined for null, which means unset. Throws a FieldFault. */
  field(field: DescField, json: Json): Value | undefined {
    return this.guard(() => this.readField(field, json));
  }

  readMessage(type: DescMessage, json: Json): Draft {
    if (isWrapper(type)) return this.wrapper(type, json);
    return wellKnownFromJson(this, type, json) ?? this.readFields(new Draft(type), json);
  }

  /** Reads an object's members into a draft; `skip` is a member that is no field. */
  readFields(draft: Draft, json: Json, skip?: string): Draft {
    if (!isObject(json)) throw expected(`an object (${draft.type.typeName})`, json);
    const names = fieldsByName(draft.type);
    for (const key of Object.keys(json)) {
      if (key === skip) continue;
      const field = names.get(key) ?? extensionNamed(this.options.registry, draft.type, key);
      if (field === undefined) {
        if (this.options.unknownFields === 'ignore') continue;
        this.enter(key);
        throw new ValueFault(`is no field of ${draft.type.typeName}`);
      }
      this.enter(field.jsonName);
      this.assign(draft, field, json[key] as Json);
      this.leave();
    }
    return draft;
  }

  /** Goes one step further down the path, for the name in a fault: into a member, or `[index]`. */
  enter(step: Step): void {
    this.path.push(step);
  }

  /** Goes back. Not called when something throws, so that the path can be told. */
  leave(): void {
    this.path.pop();
  }

  private assign(draft: Draft, field: DescField, json: Json): void {
    const value = this.readField(field, json);
    if (value === undefined) {
      draft.values.delete(field);
      return;
    }
    const rival = draft.rival(field);
    if (rival !== undefined) throw new ValueFault(`excludes ${rival.jsonName}: only one of them can be set`);
    draft.values.set(field, value);
  }

  readField(field: DescField, json: Json): Value | undefined {
    if (json === null && !takesNull(field)) return undefined;
    switch (field.fieldKind) {
      case 'scalar':
        return scalarFromJson(field.scalar, json);
      case 'enum':
        return enumFromJson(field.enum, json);
      case 'message':
        return this.readMessage(field.message, json);
      case 'list':
        return this.list(field, json);
      case 'map':
        return this.map(field, json);
    }
  }

  private list(field: DescField & { fieldKind: 'list' }, json: Json): Value[] {
    if (!Array.isArray(json)) throw expected('an array', json);
    const values: Value[] = [];
    for (let index = 0; index < json.length; index++) {
      this.enter(index);
      values.push(this.element(field, json[index] as Json));
      this.leave();
    }
    return values;
  }

  private map(field: DescField & { fieldKind: 'map' }, json: Json): Map<Scalar, Value> {
    if (!isObject(json)) throw expected('an object', json);
    const entries = new Map<Scalar, Value>();
    for (const key of Object.keys(json)) {
      this.enter({ key });
      entries.set(mapKeyFromJson(field.mapKey, key), this.element(field, json[key] as Json));
      this.leave();
    }
    return entries;
  }

  private element(field: DescField & { fieldKind: 'list' | 'map' }, json: Json): Value {
    if (field.message !== undefined) {
      if (json === null && !acceptsNull(field.message)) throw expected('an object', json);
      return this.readMessage(field.message, json);
    }
    if (field.enum !== undefined) return enumFromJson(field.enum, json);
    return scalarFromJson(field.scalar, json);
  }

  private wrapper(type: DescMessage, json: Json): Draft {
    const draft = new Draft(type);
    const [value] = type.fields;
    if (value !== undefined) draft.values.set(value, scalarFromJson(value.scalar ?? ScalarType.STRING, json));
    return draft;
  }

  private guard<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof ValueFault) throw new FieldFault(written(this.prefix, this.path), error.message);
      throw error;
    }
  }
}

/** A member's name, an item's index, or what is always in brackets: the key of a map, `@type`. */
type Step = string | number | { readonly key: string };

function written(prefix: string, path: readonly Step[]): string {
  let text = prefix;
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (typeof step === 'object' || !/^[A-Za-z_]\w*$/.test(step))
      text += `[${JSON.stringify((typeof step === 'object' ? step.key : step).slice(0, 100))}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

function takesNull(field: DescField): boolean {
  if (field.fieldKind === 'message') return acceptsNull(field.message);
  return field.fieldKind === 'enum' && field.enum.typeName === 'google.protobuf.NullValue';
}

function acceptsNull(type: DescMessage): boolean {
  return type.typeName === 'google.protobuf.Value';
}
