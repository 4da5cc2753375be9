export interface ClosedLoopResult {
  readonly count: number;
  readonly seconds: number;
  readonly durationsMs: readonly number[];
}

/** Sends one after the other on each of `workers` lanes, until `count` were sent or `seconds` are over. */
export async function closedLoop(
  limits: { readonly workers: number; readonly count: number; readonly seconds: number },
  send: (index: number) => Promise<unknown>,
): Promise<ClosedLoopResult> {
  const durationsMs: number[] = [];
  const startedAt = performance.now();
  let sent = 0;
  const lane = async () => {
    while (sent < limits.count && performance.now() - startedAt < limits.seconds * 1000) {
      const index = sent;
      sent += 1;
      const sentAt = performance.now();
      await send(index);
      durationsMs.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: limits.workers }, lane));
  return { count: durationsMs.length, seconds: (performance.now() - startedAt) / 1000, durationsMs };
}
