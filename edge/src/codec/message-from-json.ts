import { ScalarType, type DescField, type DescMessage, type Registry } from '@bufbuild/protobuf';
import { fieldsByName, isWrapper } from '../descriptors.ts';
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
  private readonly path: string[];

  /** `path`: where in the request message the body belongs, in JSON names. */
  constructor(options: JsonReadOptions, path: readonly string[] = []) {
    this.options = options;
    this.path = path.map((name, index) => (index === 0 ? name : `.${name}`));
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
      const field = names.get(key);
      if (field === undefined) {
        if (this.options.unknownFields === 'refuse')
          this.at(member(key), () => {
            throw new ValueFault(`is no field of ${draft.type.typeName}`);
          });
        continue;
      }
      this.at(member(field.jsonName), () => this.assign(draft, field, json[key] as Json));
    }
    return draft;
  }

  /** Runs `read` one step further down the path, for the name in a fault. */
  at<T>(step: string, read: () => T): T {
    this.path.push(this.path.length === 0 && step.startsWith('.') ? step.slice(1) : step);
    const result = read();
    // Not in a finally: a fault leaves the path as it is, to be reported.
    this.path.pop();
    return result;
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
    return json.map((item, index) => this.at(`[${index}]`, () => this.element(field, item)));
  }

  private map(field: DescField & { fieldKind: 'map' }, json: Json): Map<Scalar, Value> {
    if (!isObject(json)) throw expected('an object', json);
    const entries = new Map<Scalar, Value>();
    for (const key of Object.keys(json))
      this.at(`[${JSON.stringify(key.slice(0, 100))}]`, () => {
        entries.set(mapKeyFromJson(field.mapKey, key), this.element(field, json[key] as Json));
      });
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
      if (error instanceof ValueFault) throw new FieldFault(this.path.join(''), error.message);
      throw error;
    }
  }
}

function member(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `[${JSON.stringify(name.slice(0, 100))}]`;
}

function takesNull(field: DescField): boolean {
  if (field.fieldKind === 'message') return acceptsNull(field.message);
  return field.fieldKind === 'enum' && field.enum.typeName === 'google.protobuf.NullValue';
}

function acceptsNull(type: DescMessage): boolean {
  return type.typeName === 'google.protobuf.Value';
}
