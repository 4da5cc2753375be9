import { status, type Metadata } from '@grpc/grpc-js';
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
/** The name of a gRPC status code, such as `NOT_FOUND`. */
export type CodeName = keyof typeof Code;

const names = new Map<number, CodeName>(Object.entries(Code).map(([name, code]) => [code, name as CodeName]));

/** The name of a numeric status; UNKNOWN for one that gRPC does not define. */
export function codeName(code: number): CodeName {
  return names.get(code) ?? 'UNKNOWN';
}

/** One `google.protobuf.Any` of a status: a type's full name and its encoded message. */
export interface ErrorDetail {
  readonly type: string;
  readonly value: Uint8Array;
}

/** What an error may carry beside its code, reason and message. */
export interface ServiceErrorOptions {
  /** Details of the types in google/rpc/error_details.proto, sent to the caller. Default: none but the ErrorInfo. */
  readonly details?: readonly ErrorDetail[];
  /** For the log alone. */
  readonly cause?: unknown;
  /** The workload that raised it, when it came from another one. */
  readonly domain?: string | undefined;
  /**
   * How long its caller should wait before it tries again, milliseconds; negative: never. Travels as
   * `grpc-retry-pushback-ms` (gRFC A6).
   */
  readonly retryAfterMs?: number | undefined;
  /** What an upstream sent beside its status. It goes no further by itself. */
  readonly sent?: SentMetadata | undefined;
}

/** The metadata of a call that failed. */
export interface SentMetadata {
  /** Undefined where the failure was all that was sent. */
  readonly headers?: Metadata | undefined;
  readonly trailers: Metadata;
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
  /** Further details, in order; those of another workload begin with what it sent. */
  readonly details: readonly ErrorDetail[];
  /** The workload that raised it, undefined for one of this process's own. */
  readonly domain: string | undefined;
  /** See ServiceErrorOptions. */
  readonly retryAfterMs: number | undefined;
  /** See ServiceErrorOptions: there is one if, and only if, an upstream answered with this error. */
  readonly sent: SentMetadata | undefined;

  constructor(code: CodeName, reason: string, message: string, options: ServiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.details = options.details ?? [];
    this.domain = options.domain;
    this.retryAfterMs = options.retryAfterMs;
    this.sent = options.sent;
  }
}

/** INVALID_ARGUMENT that names every wrong field, as `google.rpc.BadRequest`. */
export function invalidArgument(...violations: readonly FieldViolation[]): ServiceError {
  const value = BadRequest.encode({
    fieldViolations: violations.map((v) => ({ reason: '', localizedMessage: undefined, ...v })),
  }).finish();
  return new ServiceError('INVALID_ARGUMENT', 'INVALID_ARGUMENT', violationsText(violations), {
    details: [{ type: 'google.rpc.BadRequest', value }],
  });
}

/** The message of `invalidArgument`. */
export function violationsText(violations: readonly FieldViolation[]): string {
  return violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
}

/** The type of the detail that carries reason and domain (AIP-193). */
export const errorInfoType = 'google.rpc.ErrorInfo';

/**
 * An error's details as they leave this process: as another workload sent them, or with an ErrorInfo
 * in front, whose `domain` is this workload.
 */
export function detailsWithInfo(error: ServiceError, domain: string): readonly ErrorDetail[] {
  if (error.details.some((detail) => detail.type === errorInfoType)) return error.details;
  const info = { reason: error.reason, domain: error.domain ?? domain, metadata: {} };
  return [{ type: errorInfoType, value: ErrorInfo.encode(info).finish() }, ...error.details];
}
