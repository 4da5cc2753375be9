import { ValueFault } from './scalar-from-json.ts';

/**
 * The paths of a FieldMask from its JSON form, `displayName,price.currencyCode`. Both spellings of a
 * name are taken. Throws a ValueFault.
 */
export function maskFromText(text: string): string[] {
  if (text === '') return [];
  return text.split(',').map((path) => {
    if (!/^(\*|[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)*)$/.test(path))
      throw new ValueFault(`has ${JSON.stringify(path.slice(0, 100))}, which is no path of a field`);
    return path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  });
}

/** The JSON form of paths in proto names. */
export function maskToText(paths: readonly string[]): string {
  return paths.map(lowerCamelCase).join(',');
}

/** `create_time` as `createTime`, the way protoc derives JSON names. */
export function lowerCamelCase(name: string): string {
  return name.replace(/_+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
}
