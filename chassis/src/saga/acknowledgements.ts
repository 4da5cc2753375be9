import type { Logger } from 'pino';
import type { Executor } from '../data/statement.ts';
import { failpoint } from './failpoints.ts';
import { deleteDelivered, type OutboxRow } from './outbox.ts';

const batchSize = 64;
const batchMs = 5;

/** Deletes delivered rows in batches: 64, or what came within 5 ms. */
export class Acknowledgements {
  readonly #on: Executor;
  readonly #logger: Logger;
  #batch: OutboxRow[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #flushing = new Set<Promise<void>>();

  constructor(on: Executor, logger: Logger) {
    this.#on = on;
    this.#logger = logger;
  }

  add(row: OutboxRow): void {
    this.#batch.push(row);
    if (this.#batch.length >= batchSize) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), batchMs);
  }

  /** Resolves when all that was added is deleted, or has failed to be. */
  async flush(): Promise<void> {
    this.#start();
    await Promise.all(this.#flushing);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#batch.splice(0);
    if (batch.length === 0) return;
    const flushing = this.#delete(batch).finally(() => this.#flushing.delete(flushing));
    this.#flushing.add(flushing);
  }

  async #delete(batch: readonly OutboxRow[]): Promise<void> {
    try {
      await failpoint('ack.before');
      await deleteDelivered(this.#on, batch);
      await failpoint('ack.after');
    } catch (error) {
      // Their leases run out, and they are sent again: to fences that have seen them.
      this.#logger.warn({ rows: batch.length, err: error }, 'delivered messages could not be deleted');
    }
  }
}
