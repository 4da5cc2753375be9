import { bindRequest, type BindOptions, type HttpRequestParts } from '../binding/bind.ts';
import { httpBodyType } from '../descriptors.ts';
import { jsonForm, readBody } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Limits } from '../limits.ts';
import type { Route } from '../routing/routes.ts';

export interface RequestOptions {
  readonly limits: Limits;
  readonly unknownQuery: 'ignore' | 'refuse';
  readonly unknownFields: 'ignore' | 'refuse';
}

const empty = Buffer.alloc(0);

/** The encoded request message of a routed REST request. Throws what is wrong with it. */
export async function readRequest(
  exchange: Exchange,
  route: Route,
  captures: readonly string[],
  options: RequestOptions,
): Promise<Uint8Array> {
  const { request, response } = exchange;
  const { rule, method } = route;
  let body: Buffer = empty;
  if (rule.body.kind !== 'none') {
    body = await readBody(request, response, options.limits);
    if (body.length > 0 && !takesHttpBody(route)) jsonForm(request.headers['content-type'], false);
  }
  const parts = { ...requestParts(exchange, captures), body };
  return bindRequest(rule, method.descriptor.input, parts, bindOptions(exchange, options));
}

/** What a request says beside its body. */
export function requestParts(
  { request, query }: Exchange,
  captures: readonly string[],
): Omit<HttpRequestParts, 'body'> {
  const key = request.headers['idempotency-key'];
  return {
    httpMethod: request.method ?? '',
    captures,
    query,
    contentType: request.headers['content-type'] ?? '',
    idempotencyKey: typeof key === 'string' ? key : undefined,
  };
}

export function bindOptions(
  { schema }: Exchange,
  { limits, unknownQuery, unknownFields }: RequestOptions,
): BindOptions {
  return {
    registry: schema.contract.registry,
    unknownFields,
    unknownParameters: unknownQuery,
    maxDepth: limits.jsonDepth,
    maxValues: limits.jsonValues,
  };
}

/** Whether the body is a google.api.HttpBody, which is taken as it is. */
export function takesHttpBody({ rule, method }: Route): boolean {
  if (rule.body.kind === 'none') return false;
  const type = rule.body.kind === 'all' ? method.descriptor.input : rule.body.field.message;
  return type?.typeName === httpBodyType;
}
