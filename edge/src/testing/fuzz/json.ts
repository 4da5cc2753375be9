import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import type { Random } from './random.ts';
import { text } from './texts.ts';

const deepest = 5;
const integers = ['0', '1', '-1', '7', '2147483647', '-2147483648', '4294967295', '1e2', '-0', '1.0'];
const long = ['9223372036854775807', '-9223372036854775808', '18446744073709551615', '9007199254740993'];
const decimals = ['0.1', '-1.5', '1e300', '1e-300', '3.4028235e38', '"NaN"', '"Infinity"', '"-Infinity"'];
const times = ['1970-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999Z', '0001-01-01T00:00:00+14:00'];
const durations = ['0s', '1.5s', '-0.000000001s', '315576000000s'];
const bytes = ['', 'AQI=', 'AQI', '-_8', '//8='];

/** JSON texts of messages of the contract: right ones, and with `faults` (0 to 1, so often) wrong ones. */
export class JsonTexts {
  readonly #random: Random;
  readonly #faults: number;

  constructor(random: Random, faults: number) {
    this.#random = random;
    this.#faults = faults;
  }

  message(type: DescMessage, depth = 0): string {
    const random = this.#random;
    if (random.chance(this.#faults)) return this.anything(depth);
    const wellKnown = this.#wellKnown(type, depth);
    if (wellKnown !== undefined) return wellKnown;
    const members: string[] = [];
    const oneofs = new Set<unknown>();
    for (const field of type.fields) {
      if (random.chance(depth === 0 ? 0.6 : 0.75)) continue;
      if (field.oneof !== undefined && !random.chance(this.#faults)) {
        if (oneofs.has(field.oneof)) continue;
        oneofs.add(field.oneof);
      }
      members.push(
        `${JSON.stringify(random.chance(0.5) ? field.jsonName : field.name)}:${this.field(field, depth)}`,
      );
    }
    if (random.chance(this.#faults)) members.push(`${JSON.stringify(text(random))}:${this.anything(depth)}`);
    if (random.chance(this.#faults)) members.push(...members);
    return `{${members.join(',')}}`;
  }

  field(field: DescField, depth = 0): string {
    const random = this.#random;
    if (random.chance(this.#faults)) return this.anything(depth);
    if (depth > deepest) return 'null';
    if (field.fieldKind === 'list')
      return `[${random.list(3, () => this.#single(field, depth + 1)).join(',')}]`;
    if (field.fieldKind !== 'map') return this.#single(field, depth + 1);
    const entries = random.list(3, () => `${this.#mapKey(field.mapKey)}:${this.#single(field, depth + 1)}`);
    return `{${entries.join(',')}}`;
  }

  /** Any JSON. */
  anything(depth: number): string {
    const random = this.#random;
    switch (random.below(depth > deepest ? 4 : 7)) {
      case 0:
        return random.pick(['null', 'true', 'false', '0', '[]', '{}', '""']);
      case 1:
        return random.pick([...integers, ...long, ...decimals]);
      case 2:
      case 3:
        return JSON.stringify(text(random));
      case 4:
        return `[${random.list(3, () => this.anything(depth + 1)).join(',')}]`;
      case 5: {
        const levels = 1 + random.below(40);
        return '['.repeat(levels) + ']'.repeat(levels);
      }
      default: {
        const members = random.list(3, () => `${JSON.stringify(text(random))}:${this.anything(depth + 1)}`);
        return `{${members.join(',')}}`;
      }
    }
  }

  #single(field: DescField, depth: number): string {
    if (field.message !== undefined) return this.message(field.message, depth);
    if (field.enum !== undefined) {
      const value = this.#random.pick(field.enum.values);
      return this.#random.chance(0.7) ? JSON.stringify(value.name) : String(value.number);
    }
    return this.#scalar(field.scalar ?? ScalarType.STRING);
  }

  #scalar(type: ScalarType): string {
    const random = this.#random;
    switch (type) {
      case ScalarType.STRING:
        return JSON.stringify(text(random).toWellFormed());
      case ScalarType.BYTES:
        return JSON.stringify(random.pick(bytes));
      case ScalarType.BOOL:
        return random.pick(['true', 'false']);
      case ScalarType.DOUBLE:
      case ScalarType.FLOAT:
        return random.pick([...integers, ...(random.chance(0.5) ? decimals : ['0.5'])]);
      case ScalarType.INT64:
      case ScalarType.SINT64:
      case ScalarType.SFIXED64:
      case ScalarType.UINT64:
      case ScalarType.FIXED64: {
        const number = random.chance(0.3) ? random.pick(long) : random.pick(['0', '1', '7']);
        return random.chance(0.5) ? `"${number}"` : number;
      }
      case ScalarType.INT32:
      case ScalarType.UINT32:
      case ScalarType.SINT32:
      case ScalarType.FIXED32:
      case ScalarType.SFIXED32:
        return random.chance(0.2 + this.#faults)
          ? random.pick(integers)
          : random.pick(['0', '1', '2147483647']);
    }
  }

  #mapKey(type: ScalarType): string {
    if (type === ScalarType.STRING) return this.#scalar(type);
    if (type === ScalarType.BOOL) return this.#random.pick(['"true"', '"false"']);
    return this.#random.pick(['"0"', '"1"', '"7"', '"x"']);
  }

  #wellKnown(type: DescMessage, depth: number): string | undefined {
    const random = this.#random;
    switch (type.typeName) {
      case 'google.protobuf.Timestamp':
        return JSON.stringify(random.pick(times));
      case 'google.protobuf.Duration':
        return JSON.stringify(random.pick(durations));
      case 'google.protobuf.FieldMask':
        return JSON.stringify(random.pick(['', 'a', 'aString,inner.name', 'book.title', '*']));
      case 'google.protobuf.Value':
        return this.anything(depth + 1);
      case 'google.protobuf.Struct':
        return `{"a":${this.anything(depth + 1)}}`;
      case 'google.protobuf.ListValue':
        return `[${this.anything(depth + 1)}]`;
      case 'google.protobuf.Any':
        return random.pick([
          '{}',
          '{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}',
          '{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"a":[{}]}}',
          '{"@type":"type.googleapis.com/acme.v1.Book","id":"7","sold":1}',
          '{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/acme.v1.Author"}}',
          ...(random.chance(this.#faults) ? ['{"@type":"nothing"}', '{"@type":7}', '{"a":1}'] : []),
        ]);
      default:
        break;
    }
    if (!/^google\.protobuf\.\w+Value$/.test(type.typeName)) return undefined;
    return this.#scalar(type.fields[0]?.scalar ?? ScalarType.STRING);
  }
}
