/** So many sign-ins may fail in a row before each further one has to wait. */
export const freeAttempts = 10;
const firstHoldMs = 2_000;
const longestHoldMs = 10 * 60_000;
/** Failures are forgotten this long after the last. */
export const forgetMs = 60 * 60_000;

/** What is known of the sign-ins to one address. */
export interface Attempts {
  /** Failed since the last that went well, or under way. */
  readonly failures: number;
  readonly lastAtMs: number;
}

/**
 * How long the next sign-in to an address has to wait, milliseconds; 0 if it may go on. After ten failures in a
 * row 2 s, then twice as long each time, at most 10 minutes: some 150 guesses a day (NIST SP 800-63B, 3.2.2
 * asks for a limit). Nobody is locked out for good, so that who guesses cannot keep the owner out for long.
 */
export function holdMs({ failures, lastAtMs }: Attempts, nowMs: number): number {
  if (failures < freeAttempts || nowMs - lastAtMs >= forgetMs) return 0;
  const hold = Math.min(longestHoldMs, firstHoldMs * 2 ** (failures - freeAttempts));
  return Math.max(0, lastAtMs + hold - nowMs);
}

/** What is known once another sign-in has begun. */
export function withAttempt({ failures, lastAtMs }: Attempts, nowMs: number): Attempts {
  return { failures: nowMs - lastAtMs >= forgetMs ? 1 : failures + 1, lastAtMs: nowMs };
}
