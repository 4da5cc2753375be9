import type { AccessRule } from '@weft/chassis/contract';
import { fieldsByName } from '../descriptors.ts';
import type { Route } from '../routing/routes.ts';
import { requestBody, responseContent } from './bodies.ts';
import { commentOf, firstSentence, inWords } from './comments.ts';
import { Examples } from './examples.ts';
import { idempotencyKey, pathParameters, queryParameters } from './parameters.ts';
import type { OpenApiPath } from './paths.ts';
import type { Schema } from './scalar-schema.ts';
import type { Schemas } from './schemas.ts';

/** The name of the security scheme. */
export const bearer = 'bearer';

/**
 * The OpenAPI operation of a route. `x-grpc-method` names its RPC, and `x-grpc-binding` says how its request
 * message is put together: which fields the path's parameters make, and which the body is; all others are
 * the query's, under their own names. `derivedMask` is the field that an update without it gets from its body.
 */
export function operation(route: Route, path: OpenApiPath, operationId: string, schemas: Schemas): Schema {
  const { rule, method } = route;
  const { descriptor } = method;
  const examples = new Examples(schemas);
  const query = queryParameters(descriptor.input, rule, schemas, examples);
  const parameters = [
    ...pathParameters(path, schemas, examples),
    ...query.list,
    ...idempotencyKey(descriptor),
  ];
  const body = requestBody(route, schemas, examples);
  const comment = commentOf(descriptor);
  const notes = [comment];
  if (method.access.kind === 'roles') notes.push(`For ${roles(method.access.roles)} alone.`);
  if (query.cut)
    notes.push('There are more query parameters than are listed: each field, nested ones with dots.');
  const description = notes.filter((note) => note !== '').join('\n\n');
  return {
    operationId,
    tags: [descriptor.parent.typeName],
    summary: firstSentence(comment) || inWords(descriptor.name),
    ...(description !== '' && { description }),
    ...((descriptor.deprecated || descriptor.parent.deprecated) && { deprecated: true }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: body }),
    responses: {
      200: { description: 'Success.', content: responseContent(route, schemas, examples) },
      default: { $ref: '#/components/responses/failure' },
    },
    security: security(method.access),
    'x-grpc-method': method.path.slice(1),
    'x-grpc-binding': {
      path: path.bindings.map(({ field, ...rest }) => ({ field: field.map((f) => f.jsonName), ...rest })),
      ...(rule.body.kind === 'all' && { body: '*' }),
      ...(rule.body.kind === 'field' && { body: rule.body.field.jsonName, ...derivedMask(route) }),
    },
    'x-http-rule': `${rule.httpMethod} ${rule.template.text}`,
  };
}

/** AIP-134: the `update_mask` of a PATCH. */
function derivedMask({ rule, method }: Route): Schema {
  const mask = fieldsByName(method.descriptor.input).get('update_mask');
  const isMask = mask?.fieldKind === 'message' && mask.message.typeName === 'google.protobuf.FieldMask';
  return rule.httpMethod === 'PATCH' && isMask ? { derivedMask: mask.jsonName } : {};
}

/** For a scheme that is no OAuth 2, the list names the roles that are needed (OpenAPI 3.1.1, 4.8.30). */
function security(access: AccessRule): readonly Schema[] {
  if (access.kind === 'user') return [{ [bearer]: [] }];
  // Each alone suffices.
  return access.kind === 'roles' ? access.roles.map((role) => ({ [bearer]: [role] })) : [];
}

function roles(names: readonly string[]): string {
  return `${names.length === 1 ? 'the role' : 'one of the roles'} ${names.map((n) => `\`${n}\``).join(', ')}`;
}
