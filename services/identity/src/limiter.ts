import { ServiceError } from '@weft/chassis/errors';

export interface LimiterOptions {
  /** How much runs at once. */
  readonly concurrency: number;
  /** How much may wait; the next is refused at once. */
  readonly queueLimit: number;
}

/** Runs work in the order it came, so much at a time. */
export interface Limiter {
  /**
   * Fails with RESOURCE_EXHAUSTED (reason BUSY) when too much waits already, and with CANCELLED when
   * `signal` is aborted before it was the work's turn: who has gone away costs nothing.
   */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** Nothing runs or waits at first. */
export function createLimiter({ concurrency, queueLimit }: LimiterOptions): Limiter {
  let running = 0;
  const waiting = new Set<() => void>();

  const turn = (signal: AbortSignal | undefined) =>
    new Promise<void>((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        waiting.delete(go);
        reject(new ServiceError('CANCELLED', 'CANCELLED', 'the caller went away'));
      };
      if (signal?.aborted) return leave();
      waiting.add(go);
      signal?.addEventListener('abort', leave, { once: true });
    });

  return {
    async run(work, signal) {
      if (running < concurrency) running++;
      else if (waiting.size < queueLimit) await turn(signal);
      else throw new ServiceError('RESOURCE_EXHAUSTED', 'BUSY', 'too many sign-ins at once, try again');
      try {
        return await work();
      } finally {
        // The place is handed on, so nobody who comes now can take it from the first who waits.
        const [next] = waiting;
        if (next === undefined) running--;
        else {
          waiting.delete(next);
          next();
        }
      }
    },
  };
}
