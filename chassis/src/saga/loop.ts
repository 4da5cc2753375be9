import type { Logger } from 'pino';

const mostPauseMs = 2_000;

/**
 * Does something again and again, a random time between `minMs` and `maxMs` after it has ended, or
 * sooner when woken, or at once while `work` answers that there is more. While it fails the pauses double,
 * 2 s at most; the first failure of a row of them is logged, and that it works again.
 */
export class Loop {
  readonly #options: {
    name: string;
    minMs: number;
    maxMs: number;
    logger: Logger;
    work: () => Promise<boolean | void>;
  };
  #timer: NodeJS.Timeout | undefined;
  #wakeAtMs = Infinity;
  #running: Promise<void> | undefined;
  #failures = 0;
  #started = false;

  constructor(options: {
    readonly name: string;
    readonly minMs: number;
    readonly maxMs: number;
    readonly logger: Logger;
    /** Answers true when it left something to do, and got something done. */
    readonly work: () => Promise<boolean | void>;
  }) {
    this.#options = options;
  }

  start(): void {
    this.#started = true;
    this.wake();
  }

  /** Runs it in `inMs` at the latest. While it runs: once more, as soon as it has ended and the time has come. */
  wake(inMs = 0): void {
    const atMs = performance.now() + inMs;
    if (!this.#started || atMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = atMs;
    if (this.#running === undefined) this.#schedule();
  }

  /** Resolves when the run that is under way has ended. */
  async stop(): Promise<void> {
    this.#started = false;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#wakeAtMs = Infinity;
        this.#running = this.#run();
      },
      Math.max(0, this.#wakeAtMs - performance.now()),
    );
  }

  async #run(): Promise<void> {
    const { name, minMs, maxMs, logger, work } = this.#options;
    let more = false;
    try {
      more = (await work()) === true;
      if (this.#failures > 0) logger.info({ loop: name }, 'works again');
      this.#failures = 0;
    } catch (error) {
      if (this.#failures++ === 0) logger.warn({ loop: name, err: error }, 'failed, and will try again');
    }
    this.#running = undefined;
    if (!this.#started) return;
    const pauseMs = more ? 0 : minMs + Math.random() * (maxMs - minMs);
    const slowedMs =
      this.#failures === 0 ? pauseMs : Math.min(Math.max(mostPauseMs, maxMs), pauseMs * 2 ** this.#failures);
    this.#wakeAtMs = Math.min(this.#wakeAtMs, performance.now() + slowedMs);
    this.#schedule();
  }
}
