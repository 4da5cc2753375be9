import type { StatusObject } from '@grpc/grpc-js';
import { overloaded } from '../../client/retry.ts';
import { ServiceError } from '../../errors.ts';
import { toStatus } from '../../rpc-status.ts';

const stepMs = 10;

/** Statuses of refusals: encoded once each, not once per refused call. */
const statuses = new WeakMap<ServiceError, StatusObject>();

/**
 * What a refused call is told: UNAVAILABLE, reason OVERLOADED, and when to try again, 50 to 150% of what is
 * asked so that those who were refused together do not come back together. By the reason the mesh knows that
 * the instance is well, and does not set it aside, which would throw its whole load on the others.
 */
export function createRefusals(domain: string): (retryAfterMs: number) => ServiceError {
  const errors = new Map<number, ServiceError>();
  return (retryAfterMs) => {
    const ms = Math.ceil((retryAfterMs * (0.5 + Math.random())) / stepMs) * stepMs;
    const known = errors.get(ms);
    if (known !== undefined) return known;
    const error = new ServiceError('UNAVAILABLE', overloaded, 'this instance has too many calls', {
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
