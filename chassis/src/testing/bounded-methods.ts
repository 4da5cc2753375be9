/** The contract of `bounded-service`: the same work at each priority. */
export const boundedService = 'test.Bounded';
export const boundedMethods = {
  undo: { idempotent: true, timeoutMs: 5_000, priority: 'CRITICAL' },
  work: { idempotent: true, timeoutMs: 5_000 },
  report: { idempotent: true, timeoutMs: 5_000, priority: 'BATCH' },
} as const;
