import {
  create,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMessage,
  type JsonValue,
} from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { testContract } from '../testing/schema.ts';
import { encodeDraft } from './encode.ts';
import { FieldFault } from './field-fault.ts';
import { parseJson } from './json-text.ts';
import { JsonReader } from './message-from-json.ts';
import { JsonPrinter } from './message-to-json.ts';

const { registry } = testContract();
const everything = registry.getMessage('acme.v1.Everything') as DescMessage;
const legacy = registry.getMessage('acme.v1.Legacy') as DescMessage;
const options = { registry, emitDefaults: false, maxLength: 1 << 20, maxDepth: 300 };
const printer = new JsonPrinter(options);

function read(text: string, type = everything, unknownFields: 'ignore' | 'refuse' = 'ignore'): Uint8Array {
  return encodeDraft(new JsonReader({ registry, unknownFields }).message(type, parseJson(text, 100)));
}

/** JSON in, through the wire, JSON out. */
function turn(text: string, type = everything): string {
  return printer.message(type, read(text, type));
}

function fault(text: string, type = everything): string {
  try {
    read(text, type, 'refuse');
  } catch (error) {
    if (error instanceof FieldFault) return `${error.field}: ${error.message}`;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

test.each([
  // Integers: numbers or strings, exponents and .0 are allowed, digits beyond 2^53 are kept.
  ['{"anInt32":1.0}', '{"anInt32":1}'],
  ['{"anInt32":"1e3"}', '{"anInt32":1000}'],
  ['{"anInt32":-2147483648}', '{"anInt32":-2147483648}'],
  ['{"aUint32":4294967295}', '{"aUint32":4294967295}'],
  ['{"aSint32":-1,"aSfixed32":-2,"aFixed32":3}', '{"aSint32":-1,"aFixed32":3,"aSfixed32":-2}'],
  ['{"anInt64":9223372036854775807}', '{"anInt64":"9223372036854775807"}'],
  ['{"anInt64":"-9223372036854775808"}', '{"anInt64":"-9223372036854775808"}'],
  ['{"aUint64":1.8446744073709551615e19}', '{"aUint64":"18446744073709551615"}'],
  ['{"aUint64":123456789012345e4}', '{"aUint64":"1234567890123450000"}'],
  ['{"aSint64":"-5","aFixed64":6,"aSfixed64":"-7"}', '{"aSint64":"-5","aFixed64":"6","aSfixed64":"-7"}'],
  ['{"anInt64":9007199254740993}', '{"anInt64":"9007199254740993"}'],
  // Floats in their own shortest form.
  ['{"aFloat":0.1}', '{"aFloat":0.1}'],
  ['{"aFloat":16777217}', '{"aFloat":16777216}'],
  ['{"aFloat":"3.4028235e38"}', '{"aFloat":3.4028235e+38}'],
  ['{"aFloat":1e-45}', '{"aFloat":1e-45}'],
  ['{"aDouble":"NaN","aFloat":"-Infinity"}', '{"aDouble":"NaN","aFloat":"-Infinity"}'],
  ['{"aDouble":1e308}', '{"aDouble":1e+308}'],
  ['{"aDouble":-0.0}', '{"aDouble":-0}'],
  // Strings, bytes, enums, both spellings, the last of duplicate keys.
  ['{"aString":"é\\u0000\\"\\\\ \\ud83d\\ude00"}', '{"aString":"é\\u0000\\"\\\\ 😀"}'],
  ['{"someBytes":"-_8="}', '{"someBytes":"+/8="}'],
  ['{"someBytes":"+/8"}', '{"someBytes":"+/8="}'],
  ['{"color":"CRIMSON","colors":[-2,7,"BLUE"]}', '{"color":"RED","colors":["BLUE",7,"BLUE"]}'],
  ['{"an_int32":5,"number":1}', '{"anInt32":5}'],
  ['{"anInt32":1,"anInt32":2}', '{"anInt32":2}'],
  ['{"inner":{"name":"a"},"inner":{"numberOfThings":2}}', '{"inner":{"numberOfThings":2}}'],
  ['{"@other-name":"x"}', '{"@other-name":"x"}'],
  ['{"renamed":"x"}', '{"@other-name":"x"}'],
  ['{"constructor":"c","__proto__":"p"}', '{"constructor":"c","__proto__":"p"}'],
  // null is absent, but for Value and NullValue.
  ['{"anInt32":null,"inner":null,"ints":null,"labels":null,"time":null}', '{}'],
  ['{"value":null}', '{"value":null}'],
  ['{"nullValue":null}', '{}'],
  ['{"oneNull":null}', '{"oneNull":null}'],
  ['{"oneString":null,"oneInt":0}', '{"oneInt":0}'],
  ['{"maybeInt":0,"maybeString":""}', '{"maybeInt":0,"maybeString":""}'],
  ['{"inner":{}}', '{"inner":{}}'],
  // Maps.
  ['{"labels":{"__proto__":"p","a\\"b":""}}', '{"labels":{"__proto__":"p","a\\"b":""}}'],
  ['{"byNumber":{"-5":{"name":"n"}}}', '{"byNumber":{"-5":{"name":"n"}}}'],
  ['{"byBool":{"true":"RED","false":0}}', '{"byBool":{"true":"RED","false":"COLOR_UNSPECIFIED"}}'],
  ['{"values":{"a":null,"b":[1]}}', '{"values":{"a":null,"b":[1]}}'],
  // Well-known types.
  ['{"time":"2024-02-29T23:59:59.123456789+01:30"}', '{"time":"2024-02-29T22:29:59.123456789Z"}'],
  ['{"time":"0001-01-01T00:00:00Z"}', '{"time":"0001-01-01T00:00:00Z"}'],
  ['{"time":"9999-12-31T23:59:59.5Z"}', '{"time":"9999-12-31T23:59:59.500Z"}'],
  ['{"duration":"-0.000001s"}', '{"duration":"-0.000001s"}'],
  ['{"duration":"315576000000.1s"}', '{"duration":"315576000000.100s"}'],
  ['{"mask":"anInt32,inner.numberOfThings"}', '{"mask":"anInt32,inner.numberOfThings"}'],
  ['{"mask":"an_int32"}', '{"mask":"anInt32"}'],
  ['{"struct":{"a":[null,true,1.5,"s",{"b":{}}]}}', '{"struct":{"a":[null,true,1.5,"s",{"b":{}}]}}'],
  ['{"list":[[],{}]}', '{"list":[[],{}]}'],
  ['{"value":"NaN"}', '{"value":"NaN"}'],
  [
    '{"longWrapper":"5","boolWrapper":false,"stringWrapper":""}',
    '{"longWrapper":"5","boolWrapper":false,"stringWrapper":""}',
  ],
  ['{"bytesWrapper":"AA==","floatWrapper":0.1}', '{"bytesWrapper":"AA==","floatWrapper":0.1}'],
  ['{"empty":{}}', '{"empty":{}}'],
  [
    '{"any":{"@type":"type.googleapis.com/acme.v1.Everything","anInt64":7}}',
    '{"any":{"@type":"type.googleapis.com/acme.v1.Everything","anInt64":"7"}}',
  ],
  [
    '{"any":{"value":"1.5s","@type":"type.googleapis.com/google.protobuf.Duration"}}',
    '{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.500s"}}',
  ],
  ['{"any":{}}', '{"any":{}}'],
  ['{"unpacked":["1",2]}', '{"unpacked":["1","2"]}'],
])('%s is read and printed as %s', (input, output) => {
  expect(turn(input)).toBe(output);
});

test.each([
  ['[]', ': must be an object (acme.v1.Everything), not an array'],
  ['{"anInt32":1.5}', 'anInt32: must be an integer'],
  ['{"anInt32":"0x10"}', 'anInt32: must be an integer'],
  ['{"anInt32":""}', 'anInt32: must be an integer'],
  ['{"anInt32":" 1"}', 'anInt32: must be an integer'],
  ['{"anInt32":true}', 'anInt32: must be an integer, not a boolean'],
  ['{"anInt32":2147483648}', 'anInt32: is out of the range of int32, -2147483648 to 2147483647'],
  ['{"aUint64":-1}', 'aUint64: is out of the range of uint64, 0 to 18446744073709551615'],
  [
    '{"anInt64":"1e1000000000"}',
    'anInt64: is out of the range of int64, -9223372036854775808 to 9223372036854775807',
  ],
  ['{"aFloat":3.5e38}', 'aFloat: is out of the range of float'],
  ['{"aDouble":1e400}', 'aDouble: is out of the range of double'],
  ['{"aDouble":"inf"}', 'aDouble: must be a number'],
  ['{"aBool":"true"}', 'aBool: must be true or false, not a string'],
  ['{"aString":5}', 'aString: must be a string, not a number'],
  ['{"aString":"\\ud800"}', 'aString: is not valid Unicode: it has half of a surrogate pair'],
  ['{"someBytes":"a"}', 'someBytes: is not valid base64'],
  ['{"someBytes":"a?b="}', 'someBytes: is not valid base64'],
  ['{"color":"GREEN"}', 'color: has no value "GREEN" in acme.v1.Color'],
  ['{"color":1.5}', 'color: is no number of acme.v1.Color'],
  [
    '{"inner":{"parent":{"inners":[{},{"numberOfThings":"x"}]}}}',
    'inner.parent.inners[1].numberOfThings: must be an integer',
  ],
  ['{"inner":[]}', 'inner: must be an object (acme.v1.Everything.Inner), not an array'],
  ['{"ints":5}', 'ints: must be an array, not a number'],
  ['{"ints":[1,null]}', 'ints[1]: must be an integer, not null'],
  ['{"inners":[null]}', 'inners[0]: must be an object, not null'],
  ['{"labels":{"a b":5}}', 'labels["a b"]: must be a string, not a number'],
  ['{"labels":{"a":null}}', 'labels["a"]: must be a string, not null'],
  ['{"byNumber":{"x":{}}}', 'byNumber["x"]: must be an integer'],
  ['{"byBool":{"1":0}}', 'byBool["1"]: has a key that is neither true nor false'],
  ['{"oneString":"","oneInt":1}', 'oneInt: excludes oneString: only one of them can be set'],
  ['{"time":"2023-02-29T00:00:00Z"}', 'time: is not a valid date and time'],
  ['{"time":"2023-01-01 00:00:00Z"}', 'time: is not an RFC 3339 time such as 2030-01-31T08:30:00Z'],
  ['{"time":"0001-01-01T00:00:00+00:01"}', 'time: is not in the years 1 to 9999'],
  ['{"duration":"1.5"}', 'duration: is not a duration such as 1.5s'],
  ['{"duration":"315576000001s"}', 'duration: is longer than 315576000000s'],
  ['{"mask":"a..b"}', 'mask: has "a..b", which is no path of a field'],
  ['{"struct":[]}', 'struct: must be an object, not an array'],
  ['{"value":1e400}', 'value: is out of the range of double'],
  ['{"any":{"anInt32":1}}', 'any: needs "@type", since it is a google.protobuf.Any'],
  ['{"any":{"@type":"x/no.Such"}}', 'any["@type"]: names no known type: x/no.Such'],
  ['{"any":{"@type":"x/acme.v1.Everything","anInt32":"y"}}', 'any.anInt32: must be an integer'],
  ['{"longWrapper":"x"}', 'longWrapper: must be an integer'],
  ['{"unknown":1}', 'unknown: is no field of acme.v1.Everything'],
  ['{"in ner":1}', '["in ner"]: is no field of acme.v1.Everything'],
])('%s is refused: %s', (input, message) => {
  expect(fault(input)).toBe(message);
});

test('proto2: presence, closed enums and groups', () => {
  expect(turn('{"name":"","closed":"SECOND","part":{"size":0}}', legacy)).toBe(
    '{"name":"","closed":"SECOND","part":{"size":0}}',
  );
  expect(fault('{"closed":7}', legacy)).toBe('closed: has no value 7 in acme.v1.Legacy.Closed');
  // On the wire, a number that a closed enum lacks is an unknown field, and its map entry with it.
  const bytes = Buffer.from('10071807180518052a050a016110072a050a01621006', 'hex');
  expect(printer.message(legacy, bytes)).toBe('{"list":["FIRST","FIRST"],"byName":{"b":"SECOND"}}');
});

test('extensions are members named in brackets, both ways', () => {
  const text =
    '{"name":"n","[acme.v1.note]":"x","[acme.v1.sizes]":[1,2],"[acme.v1.extra]":{"text":"t"},"[acme.v1.Extra.kind]":"FIRST"}';
  expect(turn(text, legacy)).toBe(text);
  expect(jsonOf(read(text, legacy), legacy)).toEqual(JSON.parse(text));
  expect(fault('{"[acme.v1.sizes]":["x"]}', legacy)).toBe('["[acme.v1.sizes]"][0]: must be an integer');
  expect(fault('{"[acme.v1.no]":1}', legacy)).toBe('["[acme.v1.no]"]: is no field of acme.v1.Legacy');
  expect(fault('{"[acme.v1.note]":1}')).toBe('["[acme.v1.note]"]: is no field of acme.v1.Everything');
});

test('fields without presence are printed at zero, the others are not', () => {
  const full = new JsonPrinter({ ...options, emitDefaults: true });
  const text = full.message(everything, new Uint8Array());
  const es = toJson(everything, create(everything), { registry, alwaysEmitImplicit: true });
  expect(JSON.parse(text)).toEqual(es);
  expect(text).toContain('"anInt64":"0"');
  expect(text).not.toContain('maybeInt');
});

test('a list of an extension is printed where it has items alone: who extends a message does not change the others', () => {
  const full = new JsonPrinter({ ...options, emitDefaults: true });
  const bytes = read('{"name":"n"}', legacy);
  const es = toJson(legacy, fromBinary(legacy, bytes), { registry, alwaysEmitImplicit: true });
  expect(JSON.parse(full.message(legacy, bytes))).toEqual(es);
  expect(full.message(legacy, read('{"[acme.v1.sizes]":[1]}', legacy))).toContain('"[acme.v1.sizes]":[1]');
});

test('a message that comes in parts is merged, and the last member of a oneof stays', () => {
  // inner{name:"a"}, inner{number_of_things:2}; one_string "x", then one_int 3; an_int32 twice.
  const hex = '8a01030a0161' + '8a01021002' + 'ca020178' + 'd00203' + '1801' + '1802';
  expect(printer.message(everything, Buffer.from(hex, 'hex'))).toBe(
    '{"anInt32":2,"inner":{"name":"a","numberOfThings":2},"oneInt":3}',
  );
});

test('packed and unpacked lists are both read, also mixed', () => {
  const hex = '92010201029001038a0300' + '880301' + '8a03020203';
  expect(printer.message(everything, Buffer.from(hex, 'hex'))).toBe(
    '{"ints":[1,2,3],"unpacked":["1","2","3"]}',
  );
});

test.each([
  ['a cut varint', '18'],
  ['a cut string', '720561'],
  ['a field past its message', '8a01020a05'],
  ['a varint of eleven bytes', '18ffffffffffffffffffff01'],
  ['invalid UTF-8', '7202c328'],
  ['an end of a group without its start', '1c'],
  ['a time out of range', 'e20108' + '08ffffffffffff3f'],
])('%s from upstream is a fault, never garbage', (_, hex) => {
  expect(() => printer.message(everything, Buffer.from(hex, 'hex'))).toThrow(/./);
});

test('messages nested too deep are a fault, not a stack overflow', () => {
  let bytes = Buffer.alloc(0);
  for (let i = 0; i < 2_000; i++) {
    const head = Buffer.from([0x12, ...varint(bytes.length)]);
    bytes = Buffer.concat([head, bytes]);
    if (i % 2 === 1) bytes = Buffer.concat([Buffer.from([0x8a, 1, ...varint(bytes.length)]), bytes]);
  }
  expect(() =>
    printer.message(registry.getMessage('acme.v1.Everything.Inner') as DescMessage, bytes),
  ).not.toThrow(RangeError);
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

test('an answer that grows beyond the limit is a fault', () => {
  const small = new JsonPrinter({ ...options, emitDefaults: true, maxLength: 10_000 });
  const many = Buffer.concat(Array.from({ length: 1_000 }, () => Buffer.from('aa0100', 'hex')));
  expect(() => small.message(everything, many)).toThrow('too long');
});

test('an Any of an unknown type is printed with its bytes', () => {
  const hex = '9a020e' + '0a0a782f6e6f2e5375636831'.slice(0, 24) + '1200';
  expect(printer.message(everything, Buffer.from(hex, 'hex'))).toBe(
    '{"any":{"@type":"x/no.Such1","value":""}}',
  );
});

const messages = randomMessages();

function jsonOf(bytes: Uint8Array, type = everything): JsonValue {
  return toJson(type, fromBinary(type, bytes), { registry });
}

test('protobuf-es reads what we print, and we read what it prints, as the same message', () => {
  fc.assert(
    fc.property(messages, (json) => {
      const bytes = toBinary(everything, fromJson(everything, json, { registry }));
      const expected = jsonOf(bytes);
      const ours = JSON.parse(printer.message(everything, bytes)) as JsonValue;
      expect(jsonOf(toBinary(everything, fromJson(everything, ours, { registry })))).toEqual(expected);
      expect(jsonOf(read(JSON.stringify(expected)))).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

test('any JSON at all is read or refused with a FieldFault', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc
          .dictionary(fc.constantFrom(...everything.fields.map((f) => f.jsonName)), fc.jsonValue())
          .map((v) => JSON.stringify(v)),
      ),
      (text) => {
        expect(['read', 'FieldFault']).toContain(outcome(() => printer.message(everything, read(text))));
      },
    ),
    { numRuns: 1_000 },
  );
});

test('any bytes at all are printed or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const parsed = outcome(() => JSON.parse(printer.message(everything, bytes)));
      expect(['read', 'WireFault']).toContain(parsed);
    }),
    { numRuns: 2_000 },
  );
});

/** `read`, or the name of the error that was thrown. */
function outcome(read: () => unknown): string {
  try {
    read();
    return 'read';
  } catch (error) {
    return (error as Error).name;
  }
}

/** Random messages in protobuf-es's own JSON, without -0, which JSON.stringify loses. */
function randomMessages(): fc.Arbitrary<Record<string, never>> {
  const text = fc.string({ unit: 'binary', maxLength: 8 });
  const int = fc.integer();
  const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
  const float = fc.float({ noNaN: true, noDefaultInfinity: true });
  const bytes = fc.uint8Array({ maxLength: 8 }).map((b) => Buffer.from(b).toString('base64'));
  const time = fc
    .date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true })
    .map((d) => d.toISOString());
  const free = fc.jsonValue({ maxDepth: 3 });
  const inner = fc.letrec((tie) => ({
    node: fc.record({ name: text, numberOfThings: int, right: fc.option(tie('node'), { nil: null }) }),
  })).node;
  const record = fc.record(
    {
      aDouble: fc.double({ noNaN: true, noDefaultInfinity: true }),
      aFloat: float,
      anInt32: int,
      anInt64: long,
      aUint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
      aSint32: int,
      aSint64: long,
      aFixed32: fc.nat(),
      aSfixed64: long,
      aBool: fc.boolean(),
      aString: text,
      someBytes: bytes,
      color: fc.constantFrom('RED', 'BLUE', 17),
      inner,
      ints: fc.array(int),
      strings: fc.array(text),
      inners: fc.array(inner, { maxLength: 3 }),
      byteList: fc.array(bytes),
      labels: fc.dictionary(text, text),
      byNumber: fc.dictionary(long, inner, { maxKeys: 3 }),
      maybeInt: int,
      maybeString: text,
      time,
      duration: fc.integer({ min: -1e9, max: 1e9 }).map((s) => `${s}.5s`),
      mask: fc.constantFrom('', 'aB', 'a.bC,d'),
      struct: fc.dictionary(text, free, { maxKeys: 3 }),
      value: free,
      list: fc.array(free, { maxLength: 3 }),
      longWrapper: long,
      stringWrapper: text,
      floatWrapper: float,
      oneInt: int,
      times: fc.array(time),
      floats: fc.array(float),
      unpacked: fc.array(long),
      '@other-name': text,
    },
    { requiredKeys: [] },
  );
  return record.map((json) => JSON.parse(JSON.stringify(json)) as Record<string, never>);
}
