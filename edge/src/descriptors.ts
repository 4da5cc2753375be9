import type { DescField, DescMessage, Registry } from '@bufbuild/protobuf';

const namesByType = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

/**
 * A message's fields by proto name and by JSON name. A Map, since names are data: `__proto__` is a
 * name like any other.
 */
export function fieldsByName(type: DescMessage): ReadonlyMap<string, DescField> {
  let names = namesByType.get(type);
  if (names === undefined) {
    const both = new Map<string, DescField>();
    for (const field of type.fields) both.set(field.jsonName, field);
    for (const field of type.fields) both.set(field.name, field);
    namesByType.set(type, (names = both));
  }
  return names;
}

const extensionsByRegistry = new WeakMap<Registry, ReadonlyMap<string, readonly DescField[]>>();

/**
 * The extensions of a message (proto2 and editions) that a registry knows. Here they are fields like any
 * other: their JSON name is the full name in brackets.
 */
export function extensionsOf(registry: Registry, type: DescMessage): readonly DescField[] {
  if (type.proto.extensionRange.length === 0) return [];
  let byType = extensionsByRegistry.get(registry);
  if (byType === undefined) {
    const lists = new Map<string, DescField[]>();
    for (const extension of registry) {
      if (extension.kind !== 'extension') continue;
      const { typeName } = extension.extendee;
      // Both kinds have all that is read and written of a field.
      lists.set(typeName, [...(lists.get(typeName) ?? []), extension as unknown as DescField]);
    }
    extensionsByRegistry.set(registry, (byType = lists));
  }
  return byType.get(type.typeName) ?? [];
}

/** The extension that a member of a JSON object names, `[pkg.name]`; undefined if the message has none such. */
export function extensionNamed(registry: Registry, type: DescMessage, key: string): DescField | undefined {
  if (!key.startsWith('[')) return undefined;
  return extensionsOf(registry, type).find((extension) => extension.jsonName === key);
}

/** Whether a field is an extension of its message. */
export function isExtension(field: DescField): boolean {
  return (field.kind as string) === 'extension';
}

/** Whether a field is one value: neither a list nor a map. */
export function isSingular(field: DescField): boolean {
  return field.fieldKind !== 'list' && field.fieldKind !== 'map';
}

/** Wrapper types stand for one scalar, which is their field `value`. */
export function isWrapper(type: DescMessage): boolean {
  return wrappers.has(type.typeName);
}

const wrappers = new Set(
  ['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'].map(
    (name) => `google.protobuf.${name}Value`,
  ),
);

/** Message types whose JSON form is one string (or, for wrappers, one scalar): they fit into a URL. */
export function hasTextForm(type: DescMessage): boolean {
  return (
    isWrapper(type) ||
    type.typeName === 'google.protobuf.Timestamp' ||
    type.typeName === 'google.protobuf.Duration' ||
    type.typeName === 'google.protobuf.FieldMask'
  );
}

/** Message types whose JSON form has not the shape of their fields, and does not fit into a URL. */
export function isFreeForm(type: DescMessage): boolean {
  return freeForm.has(type.typeName);
}

const freeForm = new Set(['Struct', 'Value', 'ListValue', 'Any'].map((name) => `google.protobuf.${name}`));

export const httpBodyType = 'google.api.HttpBody';
