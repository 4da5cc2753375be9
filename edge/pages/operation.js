// @ts-check
import { consoleView } from './console.js';
import { h } from './dom.js';
import { prose } from './prose.js';
import { schemaView, typeText } from './schema.js';

/** @import { Api, Media, Operation } from './api.js' */

/**
 * Everything about one operation.
 * @param {Api} api
 * @param {Operation} operation
 * @returns {HTMLElement[]}
 */
export function operationView(api, operation) {
  const { is, method, path } = operation;
  return [
    h('p', { class: 'service' }, operation.service),
    h('h2', {}, operation.name),
    h(
      'p',
      { class: 'target' },
      h('span', { class: `method ${method.toLowerCase()}` }, method),
      h('code', {}, ...pathParts(path)),
    ),
    h(
      'p',
      { class: 'tags' },
      h('span', { class: 'tag' }, accessText(is.security)),
      is.deprecated && h('span', { class: 'tag warn' }, 'deprecated'),
      h('span', { class: 'tag mono' }, is['x-grpc-method']),
    ),
    h('div', { class: 'description' }, ...prose(is.description)),
    consoleView(api, operation),
    ...contentSection(api, 'Request body', is.requestBody?.content),
    ...contentSection(api, 'Answer', is.responses['200']?.content),
  ];
}

/**
 * A path whose parameters stand out.
 * @param {string} path
 */
function pathParts(path) {
  return path.split(/(\{[^{}]*\})/).map((part, index) => (index % 2 === 1 ? h('em', {}, part) : part));
}

/** @param {Record<string, string[]>[]} security */
function accessText(security) {
  if (security.length === 0) return 'public';
  const roles = security.flatMap((requirement) => Object.values(requirement).flat());
  return roles.length === 0 ? 'signed-in users' : `role ${roles.join(' or ')}`;
}

/**
 * @param {Api} api
 * @param {string} title
 * @param {Record<string, Media> | undefined} content
 */
function contentSection(api, title, content) {
  if (content === undefined) return [];
  const [[type, media] = []] = Object.entries(content);
  const item = content['application/x-ndjson']?.['x-item-schema'];
  const schema = item ?? media?.schema ?? {};
  const kind = type === '*/*' ? 'bytes, of any type' : typeText(api, schema);
  return [
    h(
      'section',
      { class: 'shape' },
      h('h3', {}, title, ' ', h('span', { class: 'type' }, item === undefined ? kind : `stream of ${kind}`)),
      schemaView(api, schema),
    ),
  ];
}
