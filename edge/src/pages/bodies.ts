import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { httpBodyType } from '../descriptors.ts';
import type { Route } from '../routing/routes.ts';
import type { Examples, Json } from './examples.ts';
import type { Schema } from './scalar-schema.ts';
import type { FieldPath, Schemas } from './schemas.ts';
import { wellKnownSchema } from './well-known-schema.ts';

/** google.api.HttpBody: the bytes of a body as they are, of whatever type. */
const rawContent: Schema = { '*/*': { schema: { contentMediaType: 'application/octet-stream' } } };

/** One value, with an example of it. */
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
  const { body } = rule;
  if (body.kind === 'none') return undefined;
  const { input, methodKind } = method.descriptor;
  const field = body.kind === 'field' ? body.field : undefined;
  const type = field === undefined ? input : field.fieldKind === 'message' ? field.message : undefined;
  const bound = boundWithin(rule.variables, field);
  const partial = rule.httpMethod === 'PATCH' && field !== undefined;
  const isStream = methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
  const required =
    isStream ||
    (field !== undefined && schemas.isRequired(field, 'request')) ||
    (type !== undefined && !partial && hasRequired(type, bound, schemas));
  const one = (): Body =>
    type !== undefined && wellKnownSchema(type) === undefined
      ? messageBody(type, bound, partial, schemas, examples)
      : valueBody(field ?? input, schemas, examples);
  const description = field && schemas.described(field, {})['description'];
  return {
    ...(typeof description === 'string' && { description }),
    ...(required && { required }),
    content:
      type?.typeName === httpBodyType
        ? rawContent
        : isStream
          ? streamContent(one(), false)
          : { 'application/json': one() },
  };
}

/** The paths that the URL sets within a body: of the whole request, or of one field. */
function boundWithin(variables: readonly FieldPath[], field: DescField | undefined): readonly FieldPath[] {
  if (field === undefined) return variables;
  return variables.filter((path) => path[0] === field).map((path) => path.slice(1));
}

function hasRequired(type: DescMessage, bound: readonly FieldPath[], schemas: Schemas): boolean {
  const inUrl = new Set(bound.filter((path) => path.length === 1).map((path) => path[0]));
  return type.fields.some((field) => !inUrl.has(field) && schemas.isRequired(field, 'request'));
}

/** A message without what the URL holds of it. */
function messageBody(
  type: DescMessage,
  bound: readonly FieldPath[],
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
