import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, type FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import type { Contract } from '@weft/chassis/contract';
import { StartError } from '@weft/chassis/lifecycle';
import type { Logger } from '@weft/chassis/logger';
import { contractOf } from './contract.ts';
import { mergeFiles } from './merge-files.ts';

/**
 * The contract of descriptor sets, each the name of a file or its content: google.protobuf.FileDescriptorSet,
 * as `buf build --as-file-descriptor-set` and `protoc --descriptor_set_out --include_imports` write it. Throws
 * a StartError with what is wrong: no such set, one without services, imports that are missing.
 */
export function readDescriptorSets(sets: readonly (string | Uint8Array)[], logger: Logger): Contract {
  const origins = sets.map((set, i) => {
    const name = typeof set === 'string' ? set : `descriptor set ${i + 1}`;
    const { file } = decode(name, typeof set === 'string' ? orFault(name, () => readFileSync(set)) : set);
    return { name, services: [], files: new Map(file.map((one) => [one.name, one])) };
  });
  const names = origins.map(({ name }) => name).join(', ');
  const { files, conflicts } = mergeFiles(origins);
  for (const conflict of conflicts) logger.warn({ conflict }, 'descriptor sets contradict each other');
  const contract = orFault(names, () => contractOf(files));
  if (contract.services.size === 0)
    throw new StartError(`the schema cannot be used (${names}): it declares no service`);
  return contract;
}

function decode(name: string, bytes: Uint8Array): FileDescriptorSet {
  if (bytes.length === 0) throw new StartError(`the schema cannot be used (${name}): it is empty`);
  return orFault(name, () => {
    try {
      const set = fromBinary(FileDescriptorSetSchema, bytes);
      // Many a text happens to be readable as a message.
      if (set.file.length > 0 && set.file.every((file) => file.name !== '')) return set;
    } catch (error) {
      throw new Error(`it is no FileDescriptorSet: ${(error as Error).message}`, { cause: error });
    }
    throw new Error('it is no FileDescriptorSet');
  });
}

function orFault<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const why = (error as Error).message;
    throw new StartError(`the schema cannot be used (${name}): ${why}`, { cause: error });
  }
}
