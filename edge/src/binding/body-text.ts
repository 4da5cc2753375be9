import { FieldFault } from '../codec/field-fault.ts';
import { isObject, JsonTextError, type Json } from '../codec/json-text.ts';

const strict = new TextDecoder('utf-8', { fatal: true });
const replacement = '\ufffd';

/**
 * A JSON body as text. It must be UTF-8 (RFC 8259, section 8.1); a byte order mark is ignored.
 * Throws a FieldFault for the value that is not UTF-8, or a JsonTextError where none can be named.
 * `prefix`: the field that the body is, if it is not the whole request.
 */
export function bodyText(body: Buffer, prefix = ''): string {
  try {
    return strict.decode(body);
  } catch {
    const field = faultyField(body, prefix);
    if (field !== undefined) throw new FieldFault(field, 'is not valid UTF-8');
    throw new JsonTextError('is not valid UTF-8');
  }
}

/** The first value that shows a replacement character once the bad bytes are replaced. */
function faultyField(body: Buffer, prefix: string): string | undefined {
  try {
    return find(JSON.parse(body.toString('utf8')) as Json, prefix, 0);
  } catch {
    // No JSON either, so no field can be named.
    return undefined;
  }
}

function find(json: Json, path: string, depth: number): string | undefined {
  if (typeof json === 'string') return json.includes(replacement) ? path : undefined;
  if (depth > 100) return undefined;
  const children: [string, Json][] = Array.isArray(json)
    ? json.map((item, index) => [`${path}[${index}]`, item])
    : isObject(json)
      ? Object.keys(json).map((key) => [path === '' ? key : `${path}.${key}`, json[key] as Json])
      : [];
  for (const [name, child] of children) {
    const found = find(child, name, depth + 1);
    if (found !== undefined && found !== '') return found;
  }
  return undefined;
}
