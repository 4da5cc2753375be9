import type { StatusObject } from '@grpc/grpc-js';
import { ServiceError } from '../../errors.ts';
import { toStatus } from '../../rpc-status.ts';

const stepMs = 10;

/** Statuses of refusals: encoded once each, not once per refused call. */
const statuses = new WeakMap<ServiceError, StatusObject>();

/**
 * What a refused call is told: RESOURCE_EXHAUSTED, reason OVERLOADED, and when to try again, 50 to 150% of
 * what is asked so that those who were refused together do not come back together.
 *
 * Not UNAVAILABLE: callers take that for an instance that is broken or gone, and set it aside, which would
 * throw its whole load on the others. With its pushback RESOURCE_EXHAUSTED is retried just the same (gRFC
 * A6), on another instance.
 */
export function createRefusals(domain: string): (retryAfterMs: number) => ServiceError {
  const errors = new Map<number, ServiceError>();
  return (retryAfterMs) => {
    const ms = Math.ceil((retryAfterMs * (0.5 + Math.random())) / stepMs) * stepMs;
    const known = errors.get(ms);
    if (known !== undefined) return known;
    const error = new ServiceError('RESOURCE_EXHAUSTED', 'OVERLOADED', 'this instance has too many calls', {
      retryAfterMs: ms,
    });
    statuses.set(error, toStatus(error, domain));
    errors.set(ms, error);
    return error;
  };
}

/** The status of such an error, ready to be sent; undefined for any other. */
export function refusalStatus(error: ServiceError): StatusObject | undefined {
  return statuses.get(error);
}
