import { ServiceError } from '@weft/chassis/errors';
import type { MethodRule } from '@weft/chassis/contract';
import type { Exchange } from '../http/exchange.ts';
import { HttpFault, type Failure } from '../http/faults.ts';
import { acceptedTypes } from './content-type.ts';

/** The method that a POST calls. Throws a 405 for another HTTP method, UNIMPLEMENTED where nobody may call one. */
export function postedMethod({ request, path, schema }: Exchange): MethodRule {
  if (request.method !== 'POST') throw wrongHttpMethod(request.method, 'POST');
  const method = schema.rpcs.get(path);
  if (method === undefined)
    throw new ServiceError('UNIMPLEMENTED', 'UNKNOWN_METHOD', `${path.slice(1)} is not implemented`);
  return method;
}

export function wrongHttpMethod(method: string | undefined, allow: string): HttpFault {
  const message = `${method ?? 'this'} is not possible here`;
  return new HttpFault(405, 'UNIMPLEMENTED', 'METHOD_NOT_ALLOWED', message, { allow });
}

/** A 415 that names what would do (connectrpc.com/docs/protocol: an unsupported codec). */
export function unsupportedType({ request, path, schema }: Exchange, message: string): HttpFault {
  const unary = schema.rpcs.get(path)?.streaming !== true;
  return new HttpFault(415, 'INVALID_ARGUMENT', 'UNSUPPORTED_MEDIA_TYPE', message, {
    'accept-post': acceptedTypes(unary, request.httpVersionMajor),
  });
}

/**
 * Answers what HTTP itself refuses, a method or a type: no protocol has a form for that, so it is a sentence.
 * Answers false for any other failure.
 */
export function refusedPlainly({ response, headers, bodiless }: Exchange, failure: Failure): boolean {
  if (failure.status !== 405 && failure.status !== 415) return false;
  const body = Buffer.from(`${failure.error.message}\n`);
  response.writeHead(failure.status, {
    ...headers,
    ...failure.headers,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.length,
  });
  response.end(bodiless ? undefined : body);
  return true;
}
