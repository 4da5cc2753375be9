import {
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMessage,
  type JsonObject,
  type JsonValue,
} from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { randomJson } from '../testing/random-json.ts';
import { testContract } from '../testing/schema.ts';
import { encodeDraft } from './encode.ts';
import { parseJson } from './json-text.ts';
import { JsonReader } from './message-from-json.ts';
import { JsonPrinter } from './message-to-json.ts';

const { registry } = testContract();
const messageNamed = (name: string) => registry.getMessage(name) as DescMessage;
const everything = messageNamed('acme.v1.Everything');
const legacy = messageNamed('acme.v1.Legacy');
const packed = [
  messageNamed('acme.v1.Everything.Inner'),
  legacy,
  messageNamed('google.protobuf.Duration'),
  messageNamed('google.protobuf.Struct'),
  messageNamed('google.protobuf.Int64Value'),
];
const options = { registry, maxLength: 1 << 20, maxDepth: 300 };
const terse = new JsonPrinter({ ...options, emitDefaults: false });
const full = new JsonPrinter({ ...options, emitDefaults: true });

/** The message that bytes are, in a form that can be compared: protobuf-es's own. */
function canonical(type: DescMessage, bytes: Uint8Array): JsonValue {
  return toJson(type, fromBinary(type, bytes), { registry });
}

function encoded(type: DescMessage, json: JsonValue): Uint8Array {
  return toBinary(type, fromJson(type, json, { registry }));
}

function read(type: DescMessage, text: string): Uint8Array {
  const json = parseJson(text, 100);
  return encodeDraft(new JsonReader({ registry, unknownFields: 'refuse' }).message(type, json));
}

function forAll(type: DescMessage, property: (bytes: Uint8Array, json: JsonObject) => void): void {
  fc.assert(
    fc.property(randomJson(type, packed), (json) => property(encoded(type, json), json)),
    { numRuns: 60 },
  );
}

const types = [everything, legacy].map((type) => ({ name: type.typeName, type }));

test.each(types)('protobuf-es reads what is printed of any $name as the same message', ({ type }) => {
  forAll(type, (bytes) => {
    const expected = canonical(type, bytes);
    for (const printer of [terse, full]) {
      const printed = JSON.parse(printer.message(type, bytes)) as JsonValue;
      expect(canonical(type, encoded(type, printed))).toEqual(expected);
    }
  });
});

test.each(types)('what protobuf-es prints of any $name is read as the same message', ({ type }) => {
  forAll(type, (bytes, json) => {
    const expected = canonical(type, bytes);
    for (const text of [JSON.stringify(expected), JSON.stringify(json)])
      expect(canonical(type, read(type, text))).toEqual(expected);
  });
});

test.each(types)('what is printed of any $name is read again into the same bytes', ({ type }) => {
  forAll(type, (bytes) => {
    const again = read(type, terse.message(type, bytes));
    expect(read(type, terse.message(type, again))).toEqual(again);
  });
});

test.each([
  ['a varint', '88e20996ffffff0f'],
  ['64 bits', '89e2090102030405060708'],
  ['a length and its bytes', '8ae20903616263'],
  ['a group with a group within', '8be209080113120161148ce209'],
  ['32 bits', '8de20901020304'],
])('an unknown field of %s changes nothing, wherever it is', (_, hex) => {
  const unknown = Buffer.from(hex, 'hex');
  for (const { type } of types)
    fc.assert(
      fc.property(randomJson(type, packed), (json) => {
        const bytes = encoded(type, json);
        const expected = terse.message(type, bytes);
        expect(terse.message(type, Buffer.concat([unknown, bytes]))).toBe(expected);
        expect(terse.message(type, Buffer.concat([bytes, unknown]))).toBe(expected);
      }),
      { numRuns: 20 },
    );
});
