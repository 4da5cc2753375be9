import { clone } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  type DescriptorProto,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { knownFiles, type Files } from './known-files.ts';

/**
 * Makes files valid that a server put together by itself, as @grpc/reflection does: one file per package, no
 * imports, and names of types relative to where they are used. Names are resolved as protoc does, from the
 * innermost scope outwards; imports are added where a type is not reachable without. Well-known types come
 * from their own files. What is valid stays as it is.
 */
export function repairFiles(files: Files): Files {
  const known = definitions(knownFiles().values());
  const own = [...files.values()].filter((file) => !isCopyOfKnown(file, known));
  const types = new Map([...known, ...definitions(own)]);
  const kept = new Map(own.map((file) => [file.name, file]));
  const all = new Map([...knownFiles(), ...kept]);
  return new Map(own.map((file) => [file.name, repairFile(file, types, all)]));
}

/** Which file defines a type, by the type's full name. */
function definitions(files: Iterable<FileDescriptorProto>): Map<string, string> {
  const types = new Map<string, string>();
  for (const file of files) {
    const add = (scope: string, message: DescriptorProto): void => {
      const name = `${scope}.${message.name}`;
      types.set(name, file.name);
      for (const nested of message.nestedType) add(name, nested);
      for (const nested of message.enumType) types.set(`${name}.${nested.name}`, file.name);
    };
    const scope = scopeOf(file);
    for (const message of file.messageType) add(scope, message);
    for (const type of file.enumType) types.set(`${scope}.${type.name}`, file.name);
  }
  return types;
}

function scopeOf(file: FileDescriptorProto): string {
  return file.package === '' ? '' : `.${file.package}`;
}

/** A file of another name all of whose types are well-known ones. */
function isCopyOfKnown(file: FileDescriptorProto, known: ReadonlyMap<string, string>): boolean {
  const scope = scopeOf(file);
  const declared = [...file.messageType, ...file.enumType];
  return (
    declared.length > 0 &&
    file.service.length === 0 &&
    !knownFiles().has(file.name) &&
    declared.every(({ name }) => known.has(`${scope}.${name}`))
  );
}

function repairFile(
  file: FileDescriptorProto,
  types: ReadonlyMap<string, string>,
  all: Files,
): FileDescriptorProto {
  const result = clone(FileDescriptorProtoSchema, file);
  const reachable = reachableFrom(file, all);
  let changed = false;
  const use = (name: string, scope: string): string => {
    const found = resolve(name, scope, types);
    const definedIn = found === undefined ? undefined : types.get(found);
    if (found === undefined || definedIn === undefined) return name;
    if (!reachable.has(definedIn)) {
      reachable.add(definedIn);
      result.dependency.push(definedIn);
      changed = true;
    }
    if (found !== name) changed = true;
    return found;
  };
  const repair = (message: DescriptorProto, outer: string): void => {
    const scope = `${outer}.${message.name}`;
    for (const field of [...message.field, ...message.extension])
      if (field.typeName !== '') field.typeName = use(field.typeName, scope);
    for (const nested of message.nestedType) repair(nested, scope);
  };
  const scope = scopeOf(file);
  for (const message of result.messageType) repair(message, scope);
  for (const { method } of result.service)
    for (const rpc of method) {
      rpc.inputType = use(rpc.inputType, scope);
      rpc.outputType = use(rpc.outputType, scope);
    }
  return changed ? result : file;
}

/** The full name of a type, as it is seen from a scope; undefined where there is none. */
function resolve(name: string, scope: string, types: ReadonlyMap<string, string>): string | undefined {
  if (name.startsWith('.')) return types.has(name) ? name : undefined;
  for (let outer = scope; ; outer = outer.slice(0, Math.max(0, outer.lastIndexOf('.')))) {
    const full = `${outer}.${name}`;
    if (types.has(full)) return full;
    if (outer === '') return undefined;
  }
}

/** A file, and all that it imports. */
function reachableFrom(file: FileDescriptorProto, all: Files): Set<string> {
  const reachable = new Set<string>();
  const add = ({ name, dependency }: FileDescriptorProto): void => {
    if (reachable.has(name)) return;
    reachable.add(name);
    for (const imported of dependency) {
      const next = all.get(imported);
      if (next !== undefined) add(next);
    }
  };
  add(file);
  return reachable;
}
