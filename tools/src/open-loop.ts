import { setTimeout as sleep } from 'node:timers/promises';

export interface OpenLoopResult {
  /** From the moment a request was due, so that a stall counts for each request it delayed. */
  readonly durationsMs: readonly number[];
  /** How often each error was seen. */
  readonly errors: ReadonlyMap<string, number>;
  /** Requests that were due while too many were under way, and were not sent. */
  readonly dropped: number;
}

/**
 * Sends at a steady rate, whether answers come or not. At most `maxInFlight` are under way at once.
 *
 * @param rate Requests a second.
 */
export async function openLoop(
  {
    rate,
    seconds,
    maxInFlight = 1_000,
  }: { readonly rate: number; readonly seconds: number; readonly maxInFlight?: number },
  send: (index: number) => Promise<void>,
): Promise<OpenLoopResult> {
  const durationsMs: number[] = [];
  const errors = new Map<string, number>();
  const inFlight = new Set<Promise<void>>();
  let dropped = 0;
  const startedAt = performance.now();
  for (let index = 0; index < rate * seconds; index++) {
    const dueAt = startedAt + (index * 1000) / rate;
    const aheadMs = dueAt - performance.now();
    if (aheadMs > 0) await sleep(aheadMs);
    if (inFlight.size >= maxInFlight) {
      dropped += 1;
      continue;
    }
    const one = send(index).then(
      () => void durationsMs.push(performance.now() - dueAt),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        errors.set(message, (errors.get(message) ?? 0) + 1);
      },
    );
    inFlight.add(one);
    void one.finally(() => inFlight.delete(one));
  }
  await Promise.all(inFlight);
  return { durationsMs, errors, dropped };
}
