import { clone, equals, isFieldSet } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  type DescriptorProto,
  type EnumDescriptorProto,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import type { Files } from './known-files.ts';

/** Files of one origin, and the services that it speaks for. */
export interface Origin {
  /** For people. */
  readonly name: string;
  readonly services: readonly string[];
  readonly files: Files;
}

export interface Merged {
  readonly files: Files;
  /** Files on which origins contradict each other, and whose was taken. */
  readonly conflicts: readonly string[];
}

/**
 * Puts files of several origins together, by their names. A file that declares a service is that of the
 * first origin which speaks for the service. Another one that origins have in different versions is taken
 * from whoever has all that the others have, and more; where they contradict each other, from the last.
 */
export function mergeFiles(origins: readonly Origin[]): Merged {
  const files = new Map<string, { file: FileDescriptorProto; owned: boolean; from: string }>();
  const conflicts = new Set<string>();
  for (const { name: from, services, files: own } of origins)
    for (const [name, file] of own) {
      const before = files.get(name);
      const owned = servicesOf(file).some((service) => services.includes(service));
      if (before === undefined) files.set(name, { file, owned, from });
      else if (before.owned !== owned) files.set(name, before.owned ? before : { file, owned, from });
      else if (includes(before.file, file)) continue;
      else if (includes(file, before.file)) files.set(name, { file, owned, from });
      else {
        conflicts.add(
          `${name} of ${before.from} and of ${from} contradict each other: ${owned ? before.from : from}'s is taken`,
        );
        if (!owned) files.set(name, { file, owned, from });
      }
    }
  return {
    files: new Map([...files].map(([name, { file }]) => [name, file])),
    conflicts: [...conflicts],
  };
}

function servicesOf(file: FileDescriptorProto): string[] {
  return file.service.map(({ name }) => (file.package === '' ? name : `${file.package}.${name}`));
}

/** Whether a file has all that another has: types, fields, values, methods and extensions. */
export function includes(all: FileDescriptorProto, part: FileDescriptorProto): boolean {
  if (all.package !== part.package) return false;
  const symbols = symbolsOf(all);
  for (const [name, form] of symbolsOf(part)) if (symbols.get(name) !== form) return false;
  // Of two that say the same, the one that has comments says more.
  return hasComments(all) || !hasComments(part) || !sameButComments(all, part);
}

function hasComments(file: FileDescriptorProto): boolean {
  return isFieldSet(file, FileDescriptorProtoSchema.field.sourceCodeInfo);
}

function sameButComments(a: FileDescriptorProto, b: FileDescriptorProto): boolean {
  const [left, right] = [a, b].map((file) => {
    const bare = clone(FileDescriptorProtoSchema, file);
    delete bare.sourceCodeInfo;
    return bare;
  });
  return left !== undefined && right !== undefined && equals(FileDescriptorProtoSchema, left, right);
}

/** What a file declares: each name with what it is, as far as that matters on the wire. */
function symbolsOf(file: FileDescriptorProto): ReadonlyMap<string, string> {
  const symbols = new Map<string, string>();
  const ofEnum = (scope: string, { name, value }: EnumDescriptorProto): void => {
    symbols.set(`${scope}.${name}`, 'enum');
    for (const { name: member, number } of value) symbols.set(`${scope}.${name}#${member}`, String(number));
  };
  const ofMessage = (scope: string, message: DescriptorProto): void => {
    const name = `${scope}.${message.name}`;
    symbols.set(name, 'message');
    for (const field of message.field)
      symbols.set(`${name}#${field.number}`, `${field.name} ${field.type} ${field.label} ${field.typeName}`);
    for (const nested of message.nestedType) ofMessage(name, nested);
    for (const nested of message.enumType) ofEnum(name, nested);
  };
  for (const message of file.messageType) ofMessage('', message);
  for (const type of file.enumType) ofEnum('', type);
  for (const { name, method } of file.service)
    for (const { name: rpc, inputType, outputType, clientStreaming, serverStreaming } of method)
      symbols.set(`.${name}#${rpc}`, `${inputType} ${outputType} ${clientStreaming} ${serverStreaming}`);
  for (const { name, number, extendee, type } of file.extension)
    symbols.set(`.${name}`, `extension ${number} ${extendee} ${type}`);
  return symbols;
}
