import { getOption, type DescField, type DescMessage, type Registry } from '@bufbuild/protobuf';
import { Draft } from '../codec/draft.ts';
import { isObject, type Json } from '../codec/json-text.ts';
import { fieldsByName, hasTextForm, isFreeForm } from '../descriptors.ts';

/** google.api.FieldBehavior. */
const outputOnly = 3;

/**
 * Fills an `update_mask` that the request has and the client did not send (AIP-134) with the fields
 * that the body itself has, null ones included. A map, a list, and a message that is one value (a type
 * with a JSON form of its own, or one of google.type) end a path.
 *
 * Left out is what cannot be an update: output only fields (AIP-203), the etag (AIP-154), and `bound`,
 * the proto paths below the body's field that the URL has set.
 */
export function deriveUpdateMask(
  request: Draft,
  bodyType: DescMessage,
  body: Json,
  bound: ReadonlySet<string>,
  registry: Registry,
): void {
  const mask = fieldsByName(request.type).get('update_mask');
  if (mask?.fieldKind !== 'message' || mask.message.typeName !== 'google.protobuf.FieldMask') return;
  if (request.values.has(mask)) return;
  const behavior = registry.getExtension('google.api.field_behavior');
  const updatable = (field: DescField): boolean =>
    behavior === undefined || !(getOption(field, behavior) as number[]).includes(outputOnly);
  const all = bodyPaths(bodyType, body, '', updatable);
  const paths = all.filter((path) => path !== 'etag' && !bound.has(path));
  if (paths.length === 0) return;
  const draft = new Draft(mask.message);
  draft.set(mask.message.fields[0] as DescField, paths);
  request.set(mask, draft);
}

function bodyPaths(
  type: DescMessage,
  body: Json,
  prefix: string,
  updatable: (field: DescField) => boolean,
): string[] {
  if (!isObject(body)) return [];
  const names = fieldsByName(type);
  const paths: string[] = [];
  for (const key of Object.keys(body)) {
    const field = names.get(key);
    if (field === undefined || !updatable(field)) continue;
    const path = prefix + field.name;
    const inner =
      field.fieldKind === 'message' && !isValue(field.message)
        ? bodyPaths(field.message, body[key] as Json, `${path}.`, updatable)
        : [];
    if (inner.length === 0) paths.push(path);
    else paths.push(...inner);
  }
  return [...new Set(paths)];
}

/** A Money or a Date is changed as a whole: half of one is none. */
function isValue(type: DescMessage): boolean {
  return hasTextForm(type) || isFreeForm(type) || type.typeName.startsWith('google.type.');
}
