import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { Draft } from '../codec/draft.ts';
import { encodeDraft } from '../codec/encode.ts';
import { FieldFault } from '../codec/field-fault.ts';
import { parseJson, type Json } from '../codec/json-text.ts';
import { JsonReader, type JsonReadOptions } from '../codec/message-from-json.ts';
import { httpBodyType } from '../descriptors.ts';
import { decodeCapture, EscapeError } from '../routing/captures.ts';
import type { HttpRule } from '../routing/http-rules.ts';
import { bindQuery, valueFromText } from './query.ts';
import { bindRequestId } from './request-id.ts';
import { bodyText } from './body-text.ts';
import { deriveUpdateMask } from './update-mask.ts';

export interface BindOptions extends JsonReadOptions {
  readonly unknownParameters: 'ignore' | 'refuse';
  /** The deepest nesting of a JSON body, and of a query's field. */
  readonly maxDepth: number;
  /** Members and elements of a JSON body. */
  readonly maxValues: number;
}

/** A REST request, as far as it becomes part of the gRPC request. */
export interface HttpRequestParts {
  readonly httpMethod: string;
  /** What the template's variables captured, still percent-encoded. */
  readonly captures: readonly string[];
  /** The raw query, without `?`. */
  readonly query: string;
  /** Empty for a method without a body clause. */
  readonly body: Buffer;
  readonly contentType: string;
  readonly idempotencyKey?: string | undefined;
}

/**
 * The encoded request message of a REST request (google/api/http.proto): variables of the path win
 * over the body, and the body over the query; with `body: "*"` the query is ignored.
 *
 * Throws a FieldFault for what does not fit its field, a JsonTextError for a body that is no JSON.
 */
export function bindRequest(
  rule: HttpRule,
  type: DescMessage,
  parts: HttpRequestParts,
  options: BindOptions,
): Uint8Array {
  const { body } = rule;
  let request: Draft;
  let bodyJson: Json | undefined;
  if (body.kind === 'all') {
    [request, bodyJson] = readBody(type, parts, options);
  } else {
    request = new Draft(type);
    const own = body.kind === 'field' ? { bodyField: body.field } : {};
    bindQuery(request, parts.query, { ...options, ...own });
    if (body.kind === 'field') bodyJson = bindBodyField(request, body.field, parts, options);
  }
  bindCaptures(request, rule, parts.captures, options);
  if (parts.httpMethod === 'PATCH' && body.kind === 'field' && body.field.fieldKind === 'message') {
    const bound = boundBelow(rule, body.field);
    deriveUpdateMask(request, body.field.message, bodyJson ?? null, bound, options.registry);
  }
  if (parts.idempotencyKey !== undefined) bindRequestId(request, parts.idempotencyKey);
  return encodeDraft(request);
}

function readBody(type: DescMessage, parts: HttpRequestParts, options: BindOptions): [Draft, Json?] {
  if (type.typeName === httpBodyType) return [httpBody(type, parts)];
  if (parts.body.length === 0) return [new Draft(type)];
  const json = parseJson(bodyText(parts.body), options.maxDepth, options.maxValues);
  return [new JsonReader(options).message(type, json), json];
}

function bindBodyField(
  request: Draft,
  field: DescField,
  parts: HttpRequestParts,
  options: BindOptions,
): Json | undefined {
  if (field.fieldKind === 'message' && field.message.typeName === httpBodyType) {
    request.set(field, httpBody(field.message, parts));
    return undefined;
  }
  if (parts.body.length === 0) return undefined;
  const json = parseJson(bodyText(parts.body, field.jsonName), options.maxDepth, options.maxValues);
  const value = new JsonReader(options, [field.jsonName]).field(field, json);
  if (value !== undefined) request.set(field, value);
  return json;
}

/** google.api.HttpBody takes the body as it is, with its type. */
function httpBody(type: DescMessage, { body, contentType }: HttpRequestParts): Draft {
  const draft = new Draft(type);
  for (const field of type.fields) {
    if (field.number === 1) draft.set(field, contentType);
    if (field.number === 2) draft.set(field, body);
  }
  return draft;
}

function bindCaptures(
  request: Draft,
  rule: HttpRule,
  captures: readonly string[],
  options: JsonReadOptions,
): void {
  rule.variables.forEach((path, index) => {
    const variable = rule.template.variables[index];
    const name = path.map((field) => field.jsonName).join('.');
    const text = decodePart(captures[index] ?? '', variable?.multi ?? false, name);
    let draft = request;
    for (const field of path) {
      if (field === path.at(-1)) draft.set(field, valueFromText(field, text, name, options));
      else if (field.fieldKind === 'message') draft = draft.child(field);
    }
  });
}

function decodePart(raw: string, multi: boolean, name: string): string {
  try {
    return decodeCapture(raw, multi);
  } catch (error) {
    if (error instanceof EscapeError) throw new FieldFault(name, error.message);
    throw error;
  }
}

/** Proto paths below a field that the path's variables set. */
function boundBelow(rule: HttpRule, field: DescField): ReadonlySet<string> {
  const below = rule.variables.filter((path) => path[0] === field);
  return new Set(
    below.map((path) =>
      path
        .slice(1)
        .map((inner) => inner.name)
        .join('.'),
    ),
  );
}
