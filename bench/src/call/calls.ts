/** What the measuring process asks of one that calls. */
export interface Load {
  readonly concurrency: number;
  readonly seconds: number;
}

/** What it answers. */
export interface Calls {
  readonly count: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Makes calls in a closed loop whenever the process that started this one asks for it. A failed call ends the process. */
export function serveLoads(call: () => Promise<unknown>): void {
  process.on('message', (load: Load) => void run(call, load).then((calls) => process.send?.(calls)));
}

async function run(call: () => Promise<unknown>, { concurrency, seconds }: Load): Promise<Calls> {
  const durationsMs: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  const lane = async (): Promise<void> => {
    for (let sentAt = performance.now(); sentAt < endsAt;) {
      await call();
      const now = performance.now();
      durationsMs.push(now - sentAt);
      sentAt = now;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  durationsMs.sort((a, b) => a - b);
  const at = (share: number): number => durationsMs[Math.ceil(durationsMs.length * share) - 1] ?? NaN;
  const took = (performance.now() - startedAt) / 1000;
  return { count: durationsMs.length, seconds: took, p50Ms: at(0.5), p99Ms: at(0.99) };
}
