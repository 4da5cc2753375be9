// @ts-check
import { h } from './dom.js';
import { prose } from './prose.js';

/** @import { Api, Schema } from './api.js' */

/**
 * What a schema is, in a few words: `string (int64)`, `array of Book`.
 * @param {Api} api
 * @param {Schema} schema
 * @returns {string}
 */
export function typeText(api, schema) {
  const name = api.nameOf(schema);
  const { type, format, items, additionalProperties, enum: values, anyOf } = api.resolve(schema);
  const short = name?.slice(name.lastIndexOf('.') + 1);
  if (values !== undefined) return short ?? 'enum';
  if (short !== undefined) return short;
  if (type === 'array') return `array of ${typeText(api, items ?? {})}`;
  if (typeof additionalProperties === 'object') return `map of ${typeText(api, additionalProperties)}`;
  if (anyOf !== undefined) return anyOf.some(({ type: t }) => t === 'number') ? 'number' : 'any';
  const base = Array.isArray(type) ? type.join(' or ') : (type ?? 'any');
  return format === undefined ? base : `${base} (${format})`;
}

/**
 * The fields of a value, each opened on demand, so that types which hold themselves have an end.
 * @param {Api} api
 * @param {Schema} schema
 * @returns {HTMLElement | undefined}
 */
export function schemaView(api, schema) {
  const { properties, required = [], description, enum: values } = innermost(api, schema);
  if (values !== undefined) return h('div', { class: 'note' }, ...prose(description), valuesView(values));
  const entries = Object.entries(properties ?? {});
  if (entries.length === 0) return undefined;
  return h(
    'ul',
    { class: 'schema' },
    ...entries.map(([name, property]) => {
      const { deprecated, readOnly, writeOnly, description: note } = api.resolve(property);
      return h(
        'li',
        {},
        h('span', { class: deprecated ? 'name deprecated' : 'name' }, name),
        ' ',
        h('span', { class: 'type' }, typeText(api, property)),
        required.includes(name) && h('span', { class: 'required' }, 'required'),
        readOnly && h('span', { class: 'tag' }, 'read-only'),
        writeOnly && h('span', { class: 'tag' }, 'write-only'),
        deprecated && h('span', { class: 'tag' }, 'deprecated'),
        h('div', { class: 'note' }, ...prose(note)),
        nested(api, property),
      );
    }),
  );
}

/**
 * @param {Api} api
 * @param {Schema} schema
 */
function nested(api, schema) {
  const inner = innermost(api, schema);
  if (inner.enum !== undefined) return valuesView(inner.enum);
  const count = Object.keys(inner.properties ?? {}).length;
  if (count === 0) return undefined;
  const details = h('details', {}, h('summary', {}, count === 1 ? '1 field' : `${count} fields`));
  const open = () => details.append(schemaView(api, schema) ?? '');
  details.addEventListener('toggle', open, { once: true });
  return details;
}

/** @param {unknown[]} values */
function valuesView(values) {
  return h('p', { class: 'values' }, ...values.flatMap((value) => [h('code', {}, String(value)), ' ']));
}

/**
 * The schema of what an array or a map holds, however deep.
 * @param {Api} api
 * @param {Schema} schema
 * @returns {Schema}
 */
function innermost(api, schema) {
  const resolved = api.resolve(schema);
  if (resolved.type === 'array' && resolved.items) return innermost(api, resolved.items);
  const { additionalProperties: values } = resolved;
  return typeof values === 'object' ? innermost(api, values) : resolved;
}
