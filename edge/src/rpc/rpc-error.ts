import { Code, detailsWithInfo, type CodeName, type ErrorDetail } from '@weft/chassis/errors';
import { Status } from '@weft/proto/google/rpc/status';
import { domain } from '../domain.ts';
import { httpStatus, type Failure } from '../http/faults.ts';
import { answerMetadata, unpadded } from './metadata.ts';

/** Stack traces and the like, which are for developers alone (AIP-193). */
const debugInfoType = 'google.rpc.DebugInfo';

/** A failure as RPC protocols tell it. */
export interface RpcError {
  readonly code: CodeName;
  readonly message: string;
  readonly details: readonly ErrorDetail[];
  /** The upstream's metadata. */
  readonly headers: Record<string, string[]>;
  readonly trailers: Record<string, string[]>;
}

/**
 * What an RPC client is told: an upstream's details as they came, the edge's own with an ErrorInfo. What HTTP
 * has a status for and gRPC has not becomes the nearest code: too large is RESOURCE_EXHAUSTED, too slow is
 * DEADLINE_EXCEEDED.
 */
export function rpcErrorOf({ status, error }: Failure, stripped: ReadonlySet<string>): RpcError {
  const details = error.sent === undefined ? detailsWithInfo(error, domain) : error.details;
  return {
    code: status === httpStatus[error.code] ? error.code : codeOfStatus(status, error.code),
    // A lone surrogate can be encoded in no protocol.
    message: error.message.toWellFormed(),
    details: details.filter(({ type }) => type !== debugInfoType),
    headers: answerMetadata(error.sent?.headers, stripped),
    trailers: answerMetadata(error.sent?.trailers, stripped),
  };
}

function codeOfStatus(status: number, code: CodeName): CodeName {
  if (status === 413 || status === 414 || status === 431) return 'RESOURCE_EXHAUSTED';
  return status === 408 ? 'DEADLINE_EXCEEDED' : code;
}

/** gRPC's trailers of a call that failed (gRPC over HTTP/2, "Responses"). */
export function statusTrailers(
  rpcError: RpcError,
  retryAfterMs: number | undefined,
): Record<string, string | string[]> {
  const { code, message, details, trailers } = rpcError;
  const status = {
    code: Code[code],
    message,
    details: details.map(({ type, value }) => ({
      typeUrl: `type.googleapis.com/${type}`,
      value: Buffer.from(value),
    })),
  };
  return {
    ...trailers,
    'grpc-status': String(Code[code]),
    'grpc-message': percentEncode(message),
    ...(details.length === 0 ? {} : { 'grpc-status-details-bin': unpadded(Status.encode(status).finish()) }),
    ...(retryAfterMs === undefined ? {} : { 'grpc-retry-pushback-ms': String(Math.ceil(retryAfterMs)) }),
  };
}

/** Percent-encodes what a header cannot hold, and `%` ("Percent-Encoded" of gRPC over HTTP/2). */
export function percentEncode(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]+/gu, (part) =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
