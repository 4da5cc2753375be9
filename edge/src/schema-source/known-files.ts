import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fromBinary } from '@bufbuild/protobuf';
import {
  file_google_protobuf_api,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
  FileDescriptorSetSchema,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import type { Contract } from '@weft/chassis/contract';
import { loadContract } from '@weft/chassis/load-contract';

/** Files by their names in a descriptor set. */
export type Files = ReadonlyMap<string, FileDescriptorProto>;

let files: Files | undefined;
let contract: Contract | undefined;

/**
 * The files that everybody imports (google/api, google/rpc, google/protobuf, weft/v1, gRPC's own), for
 * schemas that import them and come without. Read once.
 */
export function knownFiles(): Files {
  files ??= new Map(
    [...fromBinary(FileDescriptorSetSchema, readSet()).file, ...rest.map(({ proto }) => proto)]
      .filter(({ name }) => !name.startsWith('shop/'))
      .map((file) => [file.name, file]),
  );
  return files;
}

/** Those of google/protobuf that the set does not have. */
const rest = [
  file_google_protobuf_api,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
];

/** A contract that has gRPC's reflection, to call it. */
export function reflectionContract(): Contract {
  contract ??= loadContract(readSet());
  return contract;
}

function readSet(): Uint8Array {
  return readFileSync(createRequire(import.meta.url).resolve('@weft/proto/descriptors.binpb'));
}
