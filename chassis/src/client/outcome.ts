import { ServiceError } from '../errors.ts';
import { neverLeft, overloaded, wasRefused } from './retry.ts';

/**
 * What an attempt says of its instance: it `answered`, be it with an error of the request's own; it is `faulty`
 * (a bug, which others may not have); it is `down`; it `refused`, having too much to do; or nothing at all.
 */
export type Outcome = 'answered' | 'faulty' | 'down' | 'refused' | 'unknown';

/** Said by a pool: no instance became ready in time. */
export const noInstance = 'NO_INSTANCE';
/** Said by a pool: everything has failed for a while, so nothing is tried for now. */
export const breakerOpen = 'BREAKER_OPEN';

/** What an instance says of those behind it, that they are away, is no fault of its own. */
const ofOthers = new Set([noInstance, breakerOpen]);
/** Whoever gives an instance less time than this, or than the contract does, cannot blame it: callers choose their deadlines. */
const patientMs = 1_000;
/** Of the contract's timeout some has passed before the attempt. */
const mostOfIt = 0.9;

export interface FailedAttempt {
  /** Whether its instance is still connected. */
  readonly ready: boolean;
  /** Who is called, as far as the contract says. */
  readonly workload: string | undefined;
  /** How long it took; undefined where that is not the instance's doing, as with a stream that has nothing to say. */
  readonly ms: number | undefined;
  /** What the contract gives a call of this method. */
  readonly timeoutMs?: number | undefined;
}

/** What a failed attempt says of its instance. */
export function outcomeOf(error: unknown, seen: FailedAttempt): Outcome {
  const { ready, workload, ms, timeoutMs = Infinity } = seen;
  if (!(error instanceof ServiceError)) return 'unknown';
  // One that went away is not to be set aside when it comes back.
  if (neverLeft(error)) return ready ? 'down' : 'unknown';
  if (wasRefused(error)) return 'refused';
  const { code, reason, domain } = error;
  const anothers = domain !== undefined && workload !== undefined && domain !== workload;
  switch (code) {
    case 'UNAVAILABLE':
    case 'RESOURCE_EXHAUSTED':
      if (anothers || ofOthers.has(reason)) return 'unknown';
      if (reason === overloaded) return 'refused';
      return code === 'UNAVAILABLE' ? 'down' : 'answered';
    case 'DEADLINE_EXCEEDED':
      return anothers || ms === undefined || ms < Math.min(patientMs, mostOfIt * timeoutMs)
        ? 'unknown'
        : 'down';
    case 'INTERNAL':
    case 'UNKNOWN':
      return anothers ? 'unknown' : 'faulty';
    case 'CANCELLED':
      return 'unknown';
    default:
      return 'answered';
  }
}
