/** A key of the rotation, as far as time is concerned. */
export interface Scheduled {
  readonly kid: string;
  /** Unix milliseconds. */
  readonly signsFromMs: number;
}

/** An access token's life; a key is published for as long after it signed the last. */
export const accessTokenMs = 15 * 60_000;
/** A key is published so long before it signs: every verifier has it by then. */
export const publishAheadMs = 30 * 60_000;
/** For clocks that differ. */
const leewayMs = 5 * 60_000;

/** The key that signs now: the latest whose time has come. All instances choose the same. */
export function signingKeyAt<K extends Scheduled>(keys: readonly K[], nowMs: number): K | undefined {
  return inOrder(keys).findLast((key) => key.signsFromMs <= nowMs);
}

/**
 * When the next key shall sign, if it is time to make it: at once when there is none, otherwise when the
 * latest has signed for `lifetimeMs`, but never before it was published long enough.
 */
export function nextKeyDue(
  keys: readonly Scheduled[],
  nowMs: number,
  lifetimeMs: number,
): number | undefined {
  const latest = inOrder(keys).at(-1);
  if (latest === undefined) return nowMs;
  const due = latest.signsFromMs + lifetimeMs;
  return nowMs < due - publishAheadMs ? undefined : Math.max(due, nowMs + publishAheadMs);
}

/** Keys that signed no token that may still be valid: a successor has signed for longer than one lives. */
export function expiredKeys<K extends Scheduled>(keys: readonly K[], nowMs: number): K[] {
  const ordered = inOrder(keys);
  return ordered.filter((_, at) => {
    const successor = ordered[at + 1];
    return successor !== undefined && successor.signsFromMs + accessTokenMs + leewayMs <= nowMs;
  });
}

function inOrder<K extends Scheduled>(keys: readonly K[]): K[] {
  return keys.toSorted((a, b) => a.signsFromMs - b.signsFromMs || (a.kid < b.kid ? -1 : 1));
}
