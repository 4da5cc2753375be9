import { bindRequest } from '../binding/bind.ts';
import { httpBodyType } from '../descriptors.ts';
import { checkJson, readBody } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Limits } from '../limits.ts';
import type { Route } from '../routing/routes.ts';

export interface RequestOptions {
  readonly limits: Limits;
  readonly unknownQuery: 'ignore' | 'refuse';
  readonly unknownFields: 'ignore' | 'refuse';
}

/** The encoded request message of a routed REST request. Throws what is wrong with it. */
export async function readRequest(
  { request, response, query, schema }: Exchange,
  { rule, method }: Route,
  captures: readonly string[],
  { limits, unknownQuery, unknownFields }: RequestOptions,
): Promise<Uint8Array> {
  const { input } = method.descriptor;
  const contentType = request.headers['content-type'] ?? '';
  let body = Buffer.alloc(0);
  if (rule.body.kind !== 'none') {
    body = Buffer.from(await readBody(request, response, limits.requestBytes));
    const bodyType = rule.body.kind === 'all' ? input : rule.body.field.message;
    if (bodyType?.typeName !== httpBodyType && body.length > 0) checkJson(contentType);
  }
  const key = request.headers['idempotency-key'];
  return bindRequest(
    rule,
    input,
    {
      httpMethod: request.method ?? '',
      captures,
      query,
      body,
      contentType,
      idempotencyKey: typeof key === 'string' ? key : undefined,
    },
    {
      registry: schema.contract.registry,
      unknownFields,
      unknownParameters: unknownQuery,
      maxDepth: limits.jsonDepth,
      maxValues: limits.jsonValues,
    },
  );
}
