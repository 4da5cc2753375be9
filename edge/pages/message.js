// @ts-check
import { parseExact } from './json.js';

/** @import { Api, Operation, PathBinding, Schema } from './api.js' */
/** @import { Filled } from './request.js' */

/** @typedef {Record<string, unknown>} Message */

/** A body that no message can be made of. */
export class BodyError extends Error {}

/**
 * The request messages that the edge makes of a request, as ProtoJSON: one, or each of a stream's. Path
 * over body over query, and the derived mask of an update. Throws a BodyError for a body that is no JSON.
 * @param {Api} api
 * @param {Operation} operation
 * @param {Filled} filled
 * @returns {Message[]}
 */
export function requestMessages(api, operation, filled) {
  const { body } = operation.is['x-grpc-binding'];
  if (body === undefined) return [complete(api, operation, filled, undefined)];
  const values = bodyValues(operation, filled);
  return (values.length === 0 ? [undefined] : values).map((value) => complete(api, operation, filled, value));
}

/**
 * @param {Api} api
 * @param {Operation} operation
 * @param {Filled} filled
 * @param {unknown} value the body
 */
function complete(api, operation, { parameters }, value) {
  const { path, body, derivedMask } = operation.is['x-grpc-binding'];
  /** @type {Message} */
  const message = body === '*' && isMessage(value) ? { ...value } : {};
  if (body !== undefined && body !== '*' && value !== undefined) put(message, [body], value);
  for (const { parameter, values } of parameters) {
    if (parameter.in === 'query' && values.length > 0)
      put(message, parameter.name.split('.'), typed(api, parameter.schema, values));
    if (parameter['x-grpc-field'] !== undefined && values[0] !== undefined)
      put(message, [parameter['x-grpc-field']], values[0]);
  }
  const schema = operation.is.requestBody?.content['application/json']?.schema;
  if (derivedMask !== undefined && !Object.hasOwn(message, derivedMask) && isMessage(value))
    put(message, [derivedMask], maskPaths(api, schema, value).join(','));
  for (const binding of path) put(message, binding.field, pathValue(api, binding, parameters));
  return message;
}

/**
 * @param {Operation} operation
 * @param {Filled} filled
 * @returns {unknown[]}
 */
function bodyValues({ is }, { body, file, contentType }) {
  if (is.requestBody && '*/*' in is.requestBody.content) {
    if (file !== undefined) throw new BodyError(`the message would hold the bytes of ${file.name}`);
    return [{ contentType: contentType ?? '', data: base64(body ?? '') }];
  }
  if (body === undefined || body.trim() === '') return [];
  try {
    if (contentType === 'application/x-ndjson')
      return body
        .split('\n')
        .filter((l) => l.trim() !== '')
        .map(parseExact);
    const value = parseExact(body);
    const isStream = is.requestBody !== undefined && 'application/x-ndjson' in is.requestBody.content;
    return isStream && Array.isArray(value) ? value : [value];
  } catch (error) {
    throw new BodyError(`the body is no JSON: ${String(error)}`);
  }
}

/**
 * A field from the parts of a path, as the edge decodes them: where it has several segments, a slash within
 * one stays encoded.
 * @param {Api} api
 * @param {PathBinding} binding
 * @param {Filled['parameters']} parameters
 */
function pathValue(api, { multi, parts }, parameters) {
  /** @type {Schema} */
  let schema = {};
  const texts = parts.map((part) => {
    if (typeof part === 'string') return part;
    const found = parameters.find(({ parameter: p }) => p.in === 'path' && p.name === part.parameter);
    const text = found?.values[0] ?? '';
    if (!multi) schema = found?.parameter.schema ?? {};
    return multi && found?.parameter['x-multi-segment'] !== true ? text.replaceAll('/', '%2F') : text;
  });
  return typed(api, schema, [texts.join('/')]);
}

/**
 * Texts of a URL as JSON of the type that they are for.
 * @param {Api} api
 * @param {Schema} schema
 * @param {string[]} values
 * @returns {unknown}
 */
function typed(api, schema, values) {
  const { type, items, anyOf } = api.resolve(schema);
  if (type === 'array') return values.map((value) => typed(api, items ?? {}, [value]));
  const [text = ''] = values;
  if (type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true';
  const isNumber = type === 'integer' || anyOf?.some((option) => option.type === 'number');
  return isNumber && /^-?(0|[1-9]\d{0,14})(\.\d+)?$/.test(text) ? parseExact(text) : text;
}

/**
 * The fields that an update's body has (AIP-134): messages are entered, lists, maps and the types of Google
 * are not; without the etag and what is read-only.
 * @param {Api} api
 * @param {Schema | undefined} schema
 * @param {Message} value
 * @returns {string[]}
 */
function maskPaths(api, schema, value) {
  const { properties = {} } = api.resolve(schema);
  return Object.entries(value).flatMap(([name, member]) => {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const { readOnly, properties: inner } = api.resolve(property);
    if (property === undefined || readOnly || name === 'etag') return [];
    const ends = !isMessage(member) || inner === undefined || api.nameOf(property)?.startsWith('google.');
    return ends ? [name] : maskPaths(api, property, member).map((path) => `${name}.${path}`);
  });
}

/**
 * Sets a field of a message, whatever it is called.
 * @param {Message} message
 * @param {readonly string[]} path
 * @param {unknown} value
 */
function put(message, path, value) {
  const [name = '', ...rest] = path;
  let set = value;
  if (rest.length > 0) {
    const existing = Object.hasOwn(message, name) ? message[name] : undefined;
    const inner = isMessage(existing) ? { ...existing } : {};
    put(inner, rest, value);
    set = inner;
  }
  Object.defineProperty(message, name, { value: set, enumerable: true, configurable: true, writable: true });
}

/**
 * @param {unknown} value
 * @returns {value is Message}
 */
function isMessage(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param {string} text */
function base64(text) {
  return btoa(String.fromCodePoint(...new TextEncoder().encode(text)));
}
