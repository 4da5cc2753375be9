import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { Draft, type Value } from '../codec/draft.ts';
import { isObject, type Json } from '../codec/json-text.ts';
import { fieldsByName, hasTextForm, isFreeForm } from '../descriptors.ts';

/**
 * Fills an `update_mask` that the request has and the client did not send (AIP-134) with the fields
 * that the body itself has, null ones included. A map, a list and a type with a JSON form of its own
 * end a path. `bound`: proto paths below the body's field that the URL has set; they are no update.
 */
export function deriveUpdateMask(request: Draft, bodyType: DescMessage, body: Json, bound: ReadonlySet<string>): void {
  const mask = fieldsByName(request.type).get('update_mask');
  if (mask?.fieldKind !== 'message' || mask.message.typeName !== 'google.protobuf.FieldMask') return;
  if (request.values.has(mask)) return;
  const paths = bodyPaths(bodyType, body, '').filter((path) => !bound.has(path));
  if (paths.length === 0) return;
  const draft = new Draft(mask.message);
  const list = mask.message.fields[0] as DescField;
  draft.set(list, paths satisfies Value[]);
  request.set(mask, draft);
}

function bodyPaths(type: DescMessage, body: Json, prefix: string): string[] {
  if (!isObject(body)) return [];
  const names = fieldsByName(type);
  const paths: string[] = [];
  for (const key of Object.keys(body)) {
    const field = names.get(key);
    if (field === undefined) continue;
    const path = prefix + field.name;
    const descends =
      field.fieldKind === 'message' && !hasTextForm(field.message) && !isFreeForm(field.message);
    const inner = descends ? bodyPaths(field.message, body[key] as Json, `${path}.`) : [];
    if (inner.length === 0) paths.push(path);
    else paths.push(...inner);
  }
  return [...new Set(paths)];
}
