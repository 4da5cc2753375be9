import { fromBinary, toJson, type DescMessage } from '@bufbuild/protobuf';
import { loadContract } from '@weft/chassis/load-contract';
import { expect, test } from '@jest/globals';
import { compileProtos } from '../testing/schema.ts';
import { encodeDraft } from './encode.ts';
import { parseJson } from './json-text.ts';
import { JsonReader } from './message-from-json.ts';
import { JsonPrinter } from './message-to-json.ts';

const { registry } = loadContract(
  compileProtos({
    'test/v1/editions.proto': `
      edition = "2023";
      package test.v1;
      option features.json_format = LEGACY_BEST_EFFORT;
      message Thing {
        string explicit = 1;
        string implicit = 2 [features.field_presence = IMPLICIT];
        string must = 3 [features.field_presence = LEGACY_REQUIRED];
        Part part = 4 [features.message_encoding = DELIMITED];
        repeated Part parts = 5 [features.message_encoding = DELIMITED];
        repeated int32 loose = 6 [features.repeated_field_encoding = EXPANDED];
        Closed closed = 7;
        Open open = 8;
        map<string, Part> by_name = 9;
        Thing itself = 10 [features.message_encoding = DELIMITED];
      }
      message Part { int32 size = 1; }
      enum Closed { option features.enum_type = CLOSED; FIRST = 5; SECOND = 6; }
      enum Open { ZERO = 0; ONE = 1; }`,
  }),
);
const thing = registry.getMessage('test.v1.Thing') as DescMessage;
const printer = new JsonPrinter({ registry, emitDefaults: true, maxLength: 1 << 20, maxDepth: 100 });
const read = (text: string) =>
  encodeDraft(new JsonReader({ registry, unknownFields: 'refuse' }).message(thing, parseJson(text, 100)));

// protobuf.dev/editions/features.
test('each feature of editions is read and printed as protobuf-es has it', () => {
  const text = JSON.stringify({
    explicit: '',
    must: 'm',
    part: { size: 0 },
    parts: [{ size: 1 }, { size: 2 }],
    loose: [1, 2],
    closed: 'SECOND',
    open: 7,
    byName: { a: { size: 3 } },
    itself: { must: '', part: { size: 4 } },
  });
  const bytes = read(text);
  const expected = toJson(thing, fromBinary(thing, bytes), { registry, alwaysEmitImplicit: true });
  expect(JSON.parse(printer.message(thing, bytes))).toEqual(expected);
  expect(expected).toMatchObject(JSON.parse(text));
});

test('implicit presence is printed at zero, explicit presence only where it is set', () => {
  expect(JSON.parse(printer.message(thing, new Uint8Array()))).toEqual({
    implicit: '',
    parts: [],
    loose: [],
    byName: {},
  });
  expect(read('{"implicit":""}')).toHaveLength(0);
  expect(read('{"explicit":""}')).toHaveLength(2);
});

test('a closed enum takes its own numbers alone, an open one any', () => {
  expect(() => read('{"closed":7}')).toThrow('has no value 7 in test.v1.Closed');
  expect(printer.message(thing, Buffer.from('3807', 'hex'))).not.toContain('closed');
  expect(printer.message(thing, read('{"open":7}'))).toContain('"open":7');
});
