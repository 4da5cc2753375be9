import type { MethodRule } from '../contract.ts';
import { ServiceError } from '../errors.ts';

const firstDelayMs = 20;
const longestDelayMs = 500;

/** Raised by a connection: the request never left this process, so any method may be tried again. */
export const notSent = 'NOT_SENT';
/** Raised by a connection: it broke, and nobody knows whether the request was served. */
export const connectionLost = 'CONNECTION_LOST';

/** Raised by a connection: the instance refused the stream, and has not looked at the request (RFC 9113, 8.7). */
export const streamRefused = 'STREAM_REFUSED';

/** Said by a server that takes no more calls for the moment: it has not looked at this one, and nothing is wrong with it. */
export const overloaded = 'OVERLOADED';

/** Whether an attempt failed before anything was sent. */
export function neverLeft(error: unknown): error is ServiceError {
  return error instanceof ServiceError && error.reason === notSent && error.domain === undefined;
}

/** Whether an instance turned an attempt away without having looked at it, so that any method may be tried again. */
export function wasRefused(error: unknown): error is ServiceError {
  return error instanceof ServiceError && error.reason === streamRefused && error.domain === undefined;
}

/** Whether an attempt was broken off with its connection. */
export function wasLost({ reason, domain }: ServiceError): boolean {
  return reason === connectionLost && domain === undefined;
}

/** Whether another instance might do better: UNAVAILABLE, or RESOURCE_EXHAUSTED when the server says when (gRFC A6). */
export function maySucceedElsewhere({ code, retryAfterMs }: ServiceError): boolean {
  return code === 'UNAVAILABLE' || (code === 'RESOURCE_EXHAUSTED' && retryAfterMs !== undefined);
}

/**
 * Whether the contract lets a failed attempt be made again, `attempts` having been made: idempotent
 * methods only, where another instance might do better, unless the server says that it should not be.
 */
export function mayRetry(rule: MethodRule, error: ServiceError, attempts: number): boolean {
  if (!rule.idempotent || attempts >= rule.maxAttempts) return false;
  const { retryAfterMs } = error;
  if (retryAfterMs !== undefined && retryAfterMs < 0) return false;
  return maySucceedElsewhere(error);
}

/** How long to wait before the next attempt, milliseconds: as the server asks, else exponential with full jitter. */
export function retryDelayMs(error: ServiceError, attempts: number, random: () => number): number {
  if (error.retryAfterMs !== undefined && error.retryAfterMs >= 0) return error.retryAfterMs;
  return random() * Math.min(longestDelayMs, firstDelayMs * 2 ** (attempts - 1));
}
