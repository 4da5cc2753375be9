import { create } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { expect, test } from '@jest/globals';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { greeterContract } from '../testing/greeter.ts';
import { contractOf } from './contract.ts';
import { repairFiles } from './repair-files.ts';

const byName = (files: readonly FileDescriptorProto[]) => new Map(files.map((file) => [file.name, file]));
const field = (name: string, number: number, typeName: string) => ({
  name,
  number,
  label: Label.OPTIONAL,
  type: Type.MESSAGE,
  typeName,
});

/** As @grpc/reflection 1.0 answers: a file per package, no imports, names relative, options gone. */
const merged = byName([
  create(FileDescriptorProtoSchema, {
    name: 'acme_v1.proto',
    package: 'acme.v1',
    syntax: 'proto3',
    messageType: [
      { name: 'Words' },
      {
        name: 'Page',
        nestedType: [{ name: 'Words' }],
        field: [
          field('inner', 1, 'Words'),
          field('outer', 2, '.acme.v1.Words'),
          field('at', 3, 'google.protobuf.Timestamp'),
          field('data', 4, 'google.protobuf.Struct'),
          field('other', 5, 'acme.types.Other'),
        ],
      },
    ],
    service: [
      { name: 'Pages', method: [{ name: 'Get', inputType: '.acme.v1.Words', outputType: '.acme.v1.Page' }] },
    ],
  }),
  create(FileDescriptorProtoSchema, {
    name: 'acme_types.proto',
    package: 'acme.types',
    syntax: 'proto3',
    messageType: [{ name: 'Other' }],
  }),
  create(FileDescriptorProtoSchema, {
    name: 'google_protobuf.proto',
    package: 'google.protobuf',
    syntax: 'proto3',
    messageType: [{ name: 'Timestamp' }, { name: 'Struct' }],
  }),
]);

test('files that a server put together by itself become valid', () => {
  const { registry } = contractOf(repairFiles(merged));
  const types = registry.getMessage('acme.v1.Page')?.fields.map((one) => one.message?.typeName);
  expect(types).toEqual([
    'acme.v1.Page.Words',
    'acme.v1.Words',
    'google.protobuf.Timestamp',
    'google.protobuf.Struct',
    'acme.types.Other',
  ]);
  expect(registry.getFile('google_protobuf.proto')).toBeUndefined();
});

test('files that are valid stay as they are', () => {
  const files = byName(fromBinary(FileDescriptorSetSchema, greeterContract().bytes).file);
  for (const [name, file] of repairFiles(files)) expect(file).toBe(files.get(name));
});
