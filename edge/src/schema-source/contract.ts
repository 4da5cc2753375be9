import { create, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, type FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import type { Contract } from '@weft/chassis/contract';
import { loadContract } from '@weft/chassis/load-contract';
import { knownFiles, type Files } from './known-files.ts';

/**
 * The contract of these files. `services`: those that are served, if not all that the files declare.
 * Well-known files may be missing. Throws an Error with what is wrong with them.
 */
export function contractOf(files: Files, services?: ReadonlySet<string>): Contract {
  const file = inOrder(files);
  const set = create(FileDescriptorSetSchema, { file });
  const contract = loadContract(toBinary(FileDescriptorSetSchema, set), {
    partial: true,
    // The edge has a longest timeout of its own, which is also the default.
    defaultTimeoutMs: Infinity,
  });
  if (services === undefined) return contract;
  const served = <T>(map: ReadonlyMap<string, T>, serviceOf: (key: string, value: T) => string) =>
    new Map([...map].filter(([key, value]) => services.has(serviceOf(key, value))));
  return {
    ...contract,
    services: served(contract.services, (name) => name),
    methods: served(contract.methods, (_, rule) => rule.service),
  };
}

/** No service at all: what is known before a schema is. */
export function emptyContract(): Contract {
  return loadContract(new Uint8Array());
}

/** A contract that is another one from time to time: for whoever reads it anew each time. */
export class ChangingContract implements Contract {
  current: Contract = emptyContract();
  get registry() {
    return this.current.registry;
  }
  get services() {
    return this.current.services;
  }
  get methods() {
    return this.current.methods;
  }
  get bytes() {
    return this.current.bytes;
  }
}

/** All files, each after those that it imports. */
function inOrder(files: Files): FileDescriptorProto[] {
  const ordered = new Map<string, FileDescriptorProto>();
  const begun = new Set<string>();
  const add = (name: string, by: string): void => {
    if (begun.has(name)) return;
    begun.add(name);
    const file = files.get(name) ?? knownFiles().get(name);
    if (file === undefined)
      throw new Error(`${by} imports ${name}, which is missing (protoc writes it with --include_imports)`);
    for (const dependency of file.dependency) add(dependency, name);
    ordered.set(name, file);
  };
  for (const name of files.keys()) add(name, '');
  return [...ordered.values()];
}
