import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from './logger.ts';
import type { Background } from './service.ts';

/** What is repeated, and how often. */
export interface PeriodicOptions {
  /** Names the work in the log when it fails. */
  readonly name: string;
  /** From the end of one run to the start of the next, on average: each wait is 50 to 150% of it. */
  readonly everyMs: number;
  /** One run. When it throws, that is logged and the next run comes in its time. */
  readonly work: () => Promise<void>;
  readonly logger: Logger;
}

/**
 * Work that is repeated for as long as the service runs, never twice at once in this process. The waits
 * vary, so that several instances drift apart. `stop` waits for the run that is under way.
 */
export function periodic(options: PeriodicOptions): Background {
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const loop = async () => {
    for (;;) {
      try {
        await sleep(options.everyMs * (0.5 + Math.random()), undefined, {
          signal: stopping.signal,
          ref: false,
        });
      } catch {
        return; // Stopped while waiting.
      }
      try {
        await options.work();
      } catch (error) {
        options.logger.warn({ err: error }, `${options.name} failed, it is tried again later`);
      }
      if (stopping.signal.aborted) return;
    }
  };
  return {
    start() {
      running = loop();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
