import { invalidArgument, ServiceError, type CodeName } from '@weft/chassis/errors';
import { FieldFault } from '../codec/field-fault.ts';
import { JsonTextError } from '../codec/json-text.ts';

/** The HTTP status of each code of gRPC, as google/rpc/code.proto maps them. */
export const httpStatus: Readonly<Record<CodeName, number>> = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  UNAUTHENTICATED: 401,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
};

/** What a request fails with: a ServiceError, and the HTTP status where its code alone does not say it. */
export interface Failure {
  readonly status: number;
  readonly error: ServiceError;
  readonly headers: Readonly<Record<string, string>>;
  /** The fields it names are already as the client wrote them. */
  readonly named?: boolean;
  /** What happened, where the client is not told: for the log. */
  readonly cause?: unknown;
}

/** A request that HTTP itself refuses. */
export class HttpFault extends Error {
  override readonly name = 'HttpFault';
  readonly failure: Failure;

  constructor(
    status: number,
    code: CodeName,
    reason: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.failure = { status, error: new ServiceError(code, reason, message), headers };
  }
}

/**
 * The failure that a thrown error is. What the client sent wrong and what an upstream answered are
 * told as they are; anything else is INTERNAL without a word of its own.
 */
export function failureOf(error: unknown): Failure {
  if (error instanceof HttpFault) return error.failure;
  if (error instanceof ServiceError) return ofService(error);
  if (error instanceof FieldFault && error.field === '')
    return ofService(new ServiceError('INVALID_ARGUMENT', 'MALFORMED_BODY', `the body ${error.message}`));
  if (error instanceof FieldFault)
    return { ...ofService(invalidArgument({ field: error.field, description: error.message })), named: true };
  if (error instanceof JsonTextError) {
    const reason = error.tooDeep ? 'BODY_TOO_DEEP' : 'MALFORMED_BODY';
    return ofService(new ServiceError('INVALID_ARGUMENT', reason, `the body ${error.message}`));
  }
  return { ...ofService(new ServiceError('INTERNAL', 'INTERNAL', 'internal error')), cause: error };
}

const badToken = new Set(['TOKEN_INVALID', 'TOKEN_EXPIRED']);

function ofService(error: ServiceError): Failure {
  const headers: Record<string, string> = {};
  // RFC 9110, 11.6.1: a 401 names the scheme that would do; RFC 6750, 3.1: and that a token came, but no good one.
  if (error.code === 'UNAUTHENTICATED')
    headers['www-authenticate'] = badToken.has(error.reason) ? 'Bearer error="invalid_token"' : 'Bearer';
  if (error.retryAfterMs !== undefined && error.retryAfterMs >= 0)
    headers['retry-after'] = String(Math.ceil(error.retryAfterMs / 1000));
  return { status: httpStatus[error.code], error, headers };
}
