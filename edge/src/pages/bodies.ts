import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { httpBodyType } from '../descriptors.ts';
import type { Route } from '../routing/routes.ts';
import type { Examples, Json } from './examples.ts';
import type { Schema } from './scalar-schema.ts';
import type { Schemas } from './schemas.ts';
import { wellKnownSchema } from './well-known-schema.ts';

/** google.api.HttpBody: the bytes of a body as they are, of whatever type. */
const rawContent: Schema = { '*/*': { schema: { contentMediaType: 'application/octet-stream' } } };

interface Body {
  readonly schema: Schema;
  readonly example: Json;
}

/** The body that a route takes; undefined for a rule without one. */
export function requestBody(
  { rule, method }: Route,
  schemas: Schemas,
  examples: Examples,
): Schema | undefined {
  const { body, variables } = rule;
  if (body.kind === 'none') return undefined;
  const { input, methodKind } = method.descriptor;
  const type = body.kind === 'all' ? input : body.field.message;
  const isMessage = body.kind === 'all' || body.field.fieldKind === 'message';
  const required = body.kind === 'field' && schemas.isRequired(body.field, 'request');
  if (isMessage && type?.typeName === httpBodyType)
    return { ...(required && { required }), content: rawContent };
  const bound =
    body.kind === 'all'
      ? variables
      : variables.filter((path) => path[0] === body.field).map((path) => path.slice(1));
  const message =
    isMessage && type !== undefined && wellKnownSchema(type) === undefined
      ? messageBody(type, bound, rule.httpMethod === 'PATCH' && body.kind === 'field', schemas, examples)
      : undefined;
  const one = message ?? valueBody(body.kind === 'all' ? input : body.field, schemas, examples);
  const description = body.kind === 'field' ? schemas.described(body.field, {})['description'] : undefined;
  const isStream = methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
  return {
    ...(typeof description === 'string' && { description }),
    required: required || isStream || 'required' in one.schema || type === undefined,
    content: isStream ? streamContent(one, false) : { 'application/json': one },
  };
}

/** A message without what the URL holds of it. */
function messageBody(
  type: DescMessage,
  bound: readonly (readonly DescField[])[],
  partial: boolean,
  schemas: Schemas,
  examples: Examples,
): Body {
  const example = examples.message(type, 'request', bound);
  if (bound.length === 0 && !partial) return { schema: schemas.message(type, 'request'), example };
  return { schema: schemas.object(type, 'request', bound, partial), example };
}

function valueBody(of: DescMessage | DescField, schemas: Schemas, examples: Examples): Body {
  return of.kind === 'message'
    ? { schema: schemas.message(of, 'request'), example: examples.message(of, 'request') }
    : { schema: schemas.value(of, 'request'), example: examples.field(of, 'request') };
}

/** The content of an answer: one value, a stream of them, or bytes as they are. */
export function responseContent({ rule, method }: Route, schemas: Schemas, examples: Examples): Schema {
  const { output, methodKind } = method.descriptor;
  const field = rule.responseBody;
  const type = field === undefined ? output : field.fieldKind === 'message' ? field.message : undefined;
  if (type?.typeName === httpBodyType) return rawContent;
  const one: Body =
    field === undefined
      ? { schema: schemas.message(output, 'response'), example: examples.message(output, 'response') }
      : { schema: schemas.value(field, 'response'), example: examples.field(field, 'response') };
  const isStream = methodKind === 'server_streaming' || methodKind === 'bidi_streaming';
  return isStream ? streamContent(one, true) : { 'application/json': one };
}

/**
 * A stream, in each of its forms. OpenAPI 3.1 has no word for the items of a body that is no JSON:
 * `x-item-schema` is what 3.2 calls `itemSchema`.
 */
function streamContent({ schema, example }: Body, events: boolean): Schema {
  const line = JSON.stringify(example);
  const item = { 'x-item-schema': schema };
  const lines = { type: 'string', description: 'One message a line.' };
  const data = { type: 'string', description: 'Server-sent events: the data of each is one message.' };
  return {
    'application/json': { schema: { type: 'array', items: schema }, example: [example] },
    'application/x-ndjson': { schema: lines, ...item, example: `${line}\n` },
    ...(events && { 'text/event-stream': { schema: data, ...item, example: `data: ${line}\n\n` } }),
  };
}
