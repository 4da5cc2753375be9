import { status } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo } from '@weft/proto/google/rpc/error_details';

/** The 16 error codes of gRPC by name (google/rpc/code.proto). */
export const Code = {
  CANCELLED: status.CANCELLED,
  UNKNOWN: status.UNKNOWN,
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  NOT_FOUND: status.NOT_FOUND,
  ALREADY_EXISTS: status.ALREADY_EXISTS,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  RESOURCE_EXHAUSTED: status.RESOURCE_EXHAUSTED,
  FAILED_PRECONDITION: status.FAILED_PRECONDITION,
  ABORTED: status.ABORTED,
  OUT_OF_RANGE: status.OUT_OF_RANGE,
  UNIMPLEMENTED: status.UNIMPLEMENTED,
  INTERNAL: status.INTERNAL,
  UNAVAILABLE: status.UNAVAILABLE,
  DATA_LOSS: status.DATA_LOSS,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
} as const;
export type CodeName = keyof typeof Code;

/** One `google.protobuf.Any` of a status: a type's full name and its encoded message. */
export interface ErrorDetail {
  readonly type: string;
  readonly value: Uint8Array;
}

/** A field that is wrong, as a path in the request with proto names: `items[0].quantity`. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/**
 * An error that its caller is meant to see: code, reason, message and details cross the wire
 * (AIP-193). `cause` goes to the log alone. Anything else that a handler throws is INTERNAL to the
 * caller, with no text of its own.
 */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: CodeName;
  /** Why, in UPPER_SNAKE_CASE; travels as `google.rpc.ErrorInfo`. */
  readonly reason: string;
  /** Further details, in order; the ErrorInfo is added by whoever puts the error on the wire. */
  readonly details: readonly ErrorDetail[];

  constructor(
    code: CodeName,
    reason: string,
    message: string,
    options: { details?: readonly ErrorDetail[]; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.details = options.details ?? [];
  }
}

/** INVALID_ARGUMENT that names every wrong field, as `google.rpc.BadRequest`. */
export function invalidArgument(...violations: readonly FieldViolation[]): ServiceError {
  const message = violations.map((v) => `${v.field}: ${v.description}`).join('; ');
  const value = BadRequest.encode({
    fieldViolations: violations.map((v) => ({ reason: '', localizedMessage: undefined, ...v })),
  }).finish();
  return new ServiceError('INVALID_ARGUMENT', 'INVALID_ARGUMENT', message, {
    details: [{ type: 'google.rpc.BadRequest', value }],
  });
}

/** The `google.rpc.ErrorInfo` of an error; `domain` is the service that raised it. */
export function errorInfo(error: ServiceError, domain: string): ErrorDetail {
  return {
    type: 'google.rpc.ErrorInfo',
    value: ErrorInfo.encode({ reason: error.reason, domain, metadata: {} }).finish(),
  };
}
