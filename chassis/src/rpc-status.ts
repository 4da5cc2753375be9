import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { ErrorInfo } from '@weft/proto/google/rpc/error_details';
import { Status } from '@weft/proto/google/rpc/status';
import { Code, codeName, detailsWithInfo, errorInfoType, ServiceError, type ErrorDetail } from './errors.ts';

const typePrefix = 'type.googleapis.com/';
const detailsKey = 'grpc-status-details-bin';
const pushbackKey = 'grpc-retry-pushback-ms';

/**
 * An error as gRPC's trailers carry it: the code, the message, and `google.rpc.Status` with an
 * ErrorInfo and the error's own details. `domain` is this workload.
 */
export function toStatus(error: ServiceError, domain: string): StatusObject {
  const code = Code[error.code];
  // A lone surrogate cannot be percent-encoded.
  const message = error.message.toWellFormed();
  const details = detailsWithInfo(error, domain).map(({ type, value }) => ({
    typeUrl: `${typePrefix}${type}`,
    value: Buffer.from(value),
  }));
  const metadata = new Metadata();
  metadata.set(detailsKey, Buffer.from(Status.encode({ code, message, details }).finish()));
  if (error.retryAfterMs !== undefined) metadata.set(pushbackKey, String(Math.ceil(error.retryAfterMs)));
  return { code, details: message, metadata };
}

/** The error in a status that is not OK: what the upstream said, or `fallbackReason` if it gave no reason. */
export function fromStatus(status: StatusObject, fallbackReason: string, headers?: Metadata): ServiceError {
  const pushback = status.metadata.get(pushbackKey)[0];
  const { reason, domain, details } = readDetails(status.metadata);
  const code = codeName(status.code);
  return new ServiceError(code, reason ?? fallbackReason, status.details, {
    details,
    domain,
    sent: { headers, trailers: status.metadata },
    // gRFC A6: a value that is no number means "do not retry".
    retryAfterMs: pushback === undefined ? undefined : /^\d+$/.test(String(pushback)) ? Number(pushback) : -1,
  });
}

function readDetails(metadata: Metadata): { reason?: string; domain?: string; details: ErrorDetail[] } {
  const bytes = metadata.get(detailsKey)[0];
  if (!Buffer.isBuffer(bytes)) return { details: [] };
  try {
    const details = Status.decode(bytes).details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf('/') + 1),
      value,
    }));
    const info = details.find((detail) => detail.type === errorInfoType);
    if (info === undefined) return { details };
    const { reason, domain } = ErrorInfo.decode(info.value);
    return { reason, domain, details };
  } catch {
    // Details that cannot be read are none; code and message still tell what happened.
    return { details: [] };
  }
}
