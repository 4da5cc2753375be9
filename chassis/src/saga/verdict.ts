import { RetryInfo } from '@weft/proto/google/rpc/error_details';
import { ServiceError, type CodeName } from '../errors.ts';
import type { OutboxRow, Verdict } from './outbox.ts';
import { alarmReason } from './receive.ts';

const firstPauseMs = 100;
const mostPauseMs = 30_000;
const parkedPauseMs = 5 * 60_000;
const poisonAttempts = 3;
const rolloutAttempts = 10;
const rolloutMs = 10 * 60_000;

/** Codes that a rollout may cause: the other side does not know the method, or us, yet. */
const perhapsRollout: readonly CodeName[] = ['UNIMPLEMENTED', 'UNAUTHENTICATED', 'PERMISSION_DENIED'];

/** Reasons that say at the first time that trying again cannot help. */
const hopeless = [alarmReason, 'SAGA_UNKNOWN'];

/** The code of a failed attempt; of an error that is none of ours, UNKNOWN. */
export function codeOf(error: unknown): CodeName {
  return error instanceof ServiceError ? error.code : 'UNKNOWN';
}

/** Whether a failure says something of the target rather than of the message. */
export function isTargetFailure(error: unknown): boolean {
  return ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'CANCELLED'].includes(codeOf(error));
}

/**
 * What follows from a failed attempt: the next one after 100 ms × 2ⁿ with full jitter, 30 s at most, or
 * when the server asks for it (google.rpc.RetryInfo); or the message is parked as poison. A parked undo, final or
 * must is still tried every 5 minutes; a parked step waits for a person until it expires, and the deadline aborts
 * its saga. What carries a decision has no one else to end it, so any error of its own parks it after ten attempts.
 *
 * @param row `attempts` does not count this one.
 * @param random In [0, 1).
 */
export function judge(
  row: Pick<OutboxRow, 'kind' | 'state' | 'attempts' | 'ageMs'>,
  error: unknown,
  random: number,
): Verdict {
  if (row.state === 'parked' || isPoison(row, error))
    return row.kind === 'step' ? { state: 'parked' } : { state: 'parked', delayMs: parkedPauseMs };
  const backoffMs = random * Math.min(mostPauseMs, firstPauseMs * 2 ** row.attempts);
  return { state: 'pending', delayMs: Math.max(backoffMs, pushbackMs(error) ?? 0) };
}

function isPoison(
  { kind, attempts, ageMs }: Pick<OutboxRow, 'kind' | 'attempts' | 'ageMs'>,
  error: unknown,
): boolean {
  const code = codeOf(error);
  if (error instanceof ServiceError && hopeless.includes(error.reason)) return true;
  if (code === 'INVALID_ARGUMENT') return attempts + 1 >= poisonAttempts;
  if (kind !== 'step' && !perhapsRollout.includes(code) && !isTargetFailure(error))
    return attempts + 1 >= rolloutAttempts;
  return perhapsRollout.includes(code) && attempts + 1 >= rolloutAttempts && ageMs >= rolloutMs;
}

/** How long the server asks to be left alone, at most as long as we would wait at most. */
function pushbackMs(error: unknown): number | undefined {
  if (!(error instanceof ServiceError)) return undefined;
  const detail = error.details.find(({ type }) => type === 'google.rpc.RetryInfo');
  const delay = detail && RetryInfo.decode(detail.value).retryDelay;
  return delay && Math.min(mostPauseMs, Number(delay.seconds) * 1000 + delay.nanos / 1e6);
}
