/** The contract of `echo-service`. */
export const echoService = 'test.Echo';
export const echoMethods = {
  who: { idempotent: true, timeoutMs: 5_000 },
  slow: { timeoutMs: 5_000 },
  /** The same, of which there may be two. */
  slowRead: { idempotent: true, timeoutMs: 20_000 },
  ticks: { responseStream: true },
} as const;
