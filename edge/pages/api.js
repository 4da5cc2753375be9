// @ts-check

/**
 * @typedef {{
 *   $ref?: string, type?: string | string[], format?: string, description?: string, deprecated?: boolean,
 *   readOnly?: boolean, writeOnly?: boolean, enum?: unknown[], items?: Schema, anyOf?: Schema[],
 *   properties?: Record<string, Schema>, required?: string[], additionalProperties?: Schema | boolean,
 *   contentEncoding?: string, contentMediaType?: string }} Schema
 * @typedef {{
 *   name: string, in: 'path' | 'query' | 'header', description?: string, required?: boolean,
 *   deprecated?: boolean, schema: Schema, example?: unknown, 'x-multi-segment'?: boolean,
 *   'x-grpc-field'?: string }} Parameter
 * @typedef {{ schema?: Schema, example?: unknown, 'x-item-schema'?: Schema }} Media
 * @typedef {{ field: string[], multi: boolean, parts: (string | { parameter: string })[] }} PathBinding
 * @typedef {{ path: PathBinding[], body?: string, derivedMask?: string }} Binding
 * @typedef {{
 *   operationId: string, tags: string[], summary: string, description?: string, deprecated?: boolean,
 *   parameters?: Parameter[], requestBody?: { description?: string, content: Record<string, Media> },
 *   responses: Record<string, { content?: Record<string, Media> }>, security: Record<string, string[]>[],
 *   'x-grpc-method': string, 'x-grpc-binding': Binding, 'x-http-rule': string }} Description
 * @typedef {{
 *   method: string, path: string, id: string, service: string, name: string, is: Description }} Operation
 * @typedef {{
 *   info: { title: string, version: string }, servers: { url: string }[],
 *   tags: { name: string, description?: string }[], paths: Record<string, Record<string, unknown>>,
 *   components: { schemas: Record<string, Schema> } }} Document
 */

/** The document, and what is to be found in it. */
export class Api {
  /**
   * @param {Document} document
   * @param {URL} url where it came from
   */
  constructor(document, url) {
    this.document = document;
    /** Where the API's own paths begin. */
    this.base = new URL(document.servers[0]?.url ?? '.', url);
    /** @type {Operation[]} */
    this.operations = Object.entries(document.paths).flatMap(([path, item]) => operationsOf(path, item));
  }

  /** Reads the document that is beside this page, whatever both are below. */
  static async load() {
    const url = new URL('openapi.json', document.baseURI);
    const response = await fetch(url);
    if (!response.ok) throw new Error(`openapi.json: ${response.status} ${response.statusText}`);
    return new Api(await response.json(), url);
  }

  /**
   * A schema without its reference. Names are data, so only what the document itself has is found.
   * @param {Schema | undefined} schema
   * @returns {Schema}
   */
  resolve(schema) {
    const name = this.nameOf(schema);
    if (schema === undefined || name === undefined) return schema ?? {};
    const { schemas } = this.document.components;
    const { $ref: _, ...own } = schema;
    return { ...(Object.hasOwn(schemas, name) ? schemas[name] : {}), ...own };
  }

  /**
   * The component that a schema refers to.
   * @param {Schema | undefined} schema
   */
  nameOf(schema) {
    return schema?.$ref?.slice('#/components/schemas/'.length);
  }
}

const standard = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/**
 * @param {string} key
 * @param {Record<string, unknown>} item
 * @returns {Operation[]}
 */
function operationsOf(key, item) {
  // What follows `#` tells operations apart, and is no part of the path.
  const path = key.replace(/#.*$/s, '');
  const others = /** @type {Record<string, Description>} */ (item['x-additional-operations'] ?? {});
  const known = /** @type {[string, Description][]} */ (
    Object.entries(item).filter(([method]) => standard.includes(method))
  ).map(([method, is]) => /** @type {const} */ ([method.toUpperCase(), is]));
  return [...known, ...Object.entries(others)].map(([slot, is]) => {
    const any = is.requestBody === undefined ? 'GET' : 'POST';
    const [service = '', name = ''] = is['x-grpc-method'].split('/');
    return { method: slot === '*' ? any : slot, path, id: is.operationId, service, name, is };
  });
}
