import { ScalarType, type DescField, type DescMessage, type DescMethod } from '@bufbuild/protobuf';
import { fieldsByName, hasTextForm, isFreeForm } from '../descriptors.ts';
import type { HttpRule } from '../routing/http-rules.ts';
import type { Examples } from './examples.ts';
import { exampleText } from './example-text.ts';
import type { OpenApiPath, PathParameter } from './paths.ts';
import type { Schema } from './scalar-schema.ts';
import type { FieldPath, Schemas } from './schemas.ts';

/** Parameters of nested fields stop here; the binder takes deeper ones, and more, all the same. */
const maxDepth = 5;
const maxParameters = 100;

/** The parameters of a path, in its order. */
export function pathParameters(path: OpenApiPath, schemas: Schemas, examples: Examples): Schema[] {
  return path.parameters.map((parameter) => ({
    name: parameter.name,
    in: 'path',
    required: true,
    ...pathValue(parameter, schemas, examples),
    ...(parameter.multi && { 'x-multi-segment': true }),
  }));
}

function pathValue(
  { field, partOf, name, multi }: PathParameter,
  schemas: Schemas,
  examples: Examples,
): Schema {
  const leaf = field?.at(-1);
  if (leaf === undefined) {
    const whole = partOf?.map((f) => f.jsonName).join('.');
    const description = whole === undefined ? undefined : `A part of \`${whole}\`.`;
    return {
      ...(description !== undefined && { description }),
      schema: multi ? { type: 'string' } : { type: 'string', minLength: 1 },
      example: exampleText(multi ? 'path' : `${name}_id`),
    };
  }
  const { description, deprecated } = schemas.described(leaf, {});
  const value = parameterValue(leaf, schemas);
  const text = [description, multi ? 'It may have several segments; its slashes are sent as they are.' : ''];
  const note = text.filter((part) => typeof part === 'string' && part !== '').join('\n\n');
  const plain = leaf.fieldKind === 'scalar' && leaf.scalar === ScalarType.STRING && !multi;
  const example = examples.field(leaf, 'request');
  return {
    ...(note !== '' && { description: note }),
    ...(deprecated === true && { deprecated }),
    schema: plain ? { ...value, minLength: 1 } : value,
    example: example === '' ? exampleText('id') : example,
  };
}

/** The query parameters of a rule, and whether there are more than are listed. */
export interface QueryParameters {
  readonly list: readonly Schema[];
  readonly cut: boolean;
}

/**
 * Every field that the binder takes from a query: the leaves that neither the path nor the body holds,
 * nested ones with dots. No maps, lists of messages, or types of free form. A message within itself is cut.
 */
export function queryParameters(
  input: DescMessage,
  { body, variables }: HttpRule,
  schemas: Schemas,
  examples: Examples,
): QueryParameters {
  const list: Schema[] = [];
  let cut = false;
  const walk = (type: DescMessage, above: FieldPath, types: readonly DescMessage[]): void => {
    for (const field of type.fields) {
      const path = [...above, field];
      if (body.kind === 'field' && path[0] === body.field) continue;
      if (variables.some((variable) => samePath(variable, path)) || !fits(field)) continue;
      if (field.fieldKind === 'message' && !hasTextForm(field.message)) {
        if (types.includes(field.message) || path.length >= maxDepth) cut = true;
        else walk(field.message, path, [...types, field.message]);
      } else if (list.length >= maxParameters) {
        cut = true;
      } else {
        list.push(queryParameter(path, field, schemas, examples));
      }
    }
  };
  if (body.kind !== 'all') walk(input, [], [input]);
  return { list, cut };
}

function queryParameter(path: FieldPath, field: DescField, schemas: Schemas, examples: Examples): Schema {
  const { description, deprecated } = schemas.described(field, {});
  const required = path.every((part) => schemas.isRequired(part, 'request'));
  const element = parameterValue(field, schemas);
  return {
    name: path.map(queryName).join('.'),
    in: 'query',
    ...(description !== undefined && { description }),
    ...(required && { required }),
    ...(deprecated === true && { deprecated }),
    ...(field.fieldKind === 'list' && { style: 'form', explode: true }),
    schema: field.fieldKind === 'list' ? { type: 'array', items: element } : element,
    ...(required && { example: examples.field(field, 'request') }),
  };
}

function parameterValue(field: DescField, schemas: Schemas): Schema {
  if (field.enum?.typeName === 'google.protobuf.NullValue') return { enum: ['NULL_VALUE'] };
  return schemas.element(field, 'request');
}

/** A name with a dot in it would read as a path. */
function queryName({ name, jsonName }: DescField): string {
  return jsonName.includes('.') ? name : jsonName;
}

function fits(field: DescField): boolean {
  if (field.fieldKind === 'map') return false;
  if (field.fieldKind === 'list') return field.message === undefined || hasTextForm(field.message);
  return field.message === undefined || !isFreeForm(field.message);
}

function samePath(a: FieldPath, b: FieldPath): boolean {
  return a.length === b.length && a.every((field, index) => field === b[index]);
}

/** The header that fills `request_id` (AIP-155), for a request that has one and is no stream of them. */
export function idempotencyKey({ input, methodKind }: DescMethod): Schema[] {
  if (methodKind === 'client_streaming' || methodKind === 'bidi_streaming') return [];
  const field = fieldsByName(input).get('request_id');
  if (field?.fieldKind !== 'scalar' || field.scalar !== ScalarType.STRING) return [];
  return [
    {
      name: 'Idempotency-Key',
      in: 'header',
      description: `Sets \`${field.jsonName}\`: a repeated request with the same key is carried out once.`,
      schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[ -~]+$' },
      'x-grpc-field': field.jsonName,
    },
  ];
}
