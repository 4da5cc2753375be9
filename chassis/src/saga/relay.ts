import type { Logger } from 'pino';
import type { Mesh } from '../client/mesh.ts';
import type { Database } from '../data/database.ts';
import { runOutsideCall } from '../call-context.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { inDeliverySpan } from './delivery-span.ts';
import { failpoint } from './failpoints.ts';
import { Lane } from './lane.ts';
import { Loop } from './loop.ts';
import { countAlarm, countDelivery } from './metrics.ts';
import { bringForward, claim, dueTargets, leaseMs, recordFailure, type OutboxRow } from './outbox.ts';
import { codeOf, isTargetFailure, judge } from './verdict.ts';

const attemptMs = 2_000;
/** No attempt starts with less of the lease than its own deadline and this. */
const leaseMarginMs = 500;
/** Per target: what waits for one that is away takes no room from the others. */
const mostQueued = 1_000;
const claimLimit = 64;

export interface RelayOptions<DB> {
  readonly database: Database<DB>;
  readonly mesh: Pick<Mesh, 'unary'>;
  readonly logger: Logger;
  /** The gRPC services that this outbox may hold messages for. */
  readonly targets: readonly string[];
  /** Default: 250 to 750 ms. */
  readonly poll?: { readonly minMs: number; readonly maxMs: number };
}

const defaultPoll = { minMs: 250, maxMs: 750 };

/**
 * Delivers the outbox, at least once. What this process has committed it sends at once; a poll every
 * 250-750 ms takes what was left behind: by a process that died, by a failure, by a queue that was full.
 */
export class Relay<DB> {
  readonly #options: RelayOptions<DB>;
  readonly #lanes = new Map<string, Lane>();
  readonly #queues = new Map<string, OutboxRow[]>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #acknowledgements: Acknowledgements;
  readonly #poll: Loop;
  #running = false;

  constructor(options: RelayOptions<DB>) {
    this.#options = options;
    const { database, logger } = options;
    this.#acknowledgements = new Acknowledgements(database.kysely, logger);
    this.#poll = new Loop({
      name: 'saga-relay',
      ...(options.poll ?? defaultPoll),
      logger,
      work: () => this.#pollOnce(),
    });
  }

  start(): void {
    this.#running = true;
    this.#poll.start();
  }

  /** Starts nothing more, and waits for what is being sent. What is left is another relay's. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#queues.clear();
    await this.#poll.stop();
    await Promise.allSettled(this.#inFlight);
    await this.#acknowledgements.flush();
  }

  /** Sends rows that are leased to this process. A row for which there is no room is left to the poll. */
  dispatch(rows: readonly OutboxRow[]): void {
    if (!this.#running) return;
    for (const row of rows) {
      void failpoint('dispatch.before', row.method);
      const queue = this.#queues.get(row.target);
      if (queue === undefined) this.#queues.set(row.target, [row]);
      else if (queue.length < mostQueued) queue.push(row);
    }
    // What is sent here outlives the call that queued it.
    runOutsideCall(() => {
      for (const target of new Set(rows.map((row) => row.target))) this.#pump(target);
    });
  }

  #lane(target: string): Lane {
    const lane = this.#lanes.get(target) ?? new Lane();
    this.#lanes.set(target, lane);
    return lane;
  }

  #pump(target: string): void {
    const lane = this.#lane(target);
    const queue = this.#queues.get(target);
    while (this.#running && queue !== undefined && queue.length > 0 && lane.free(performance.now()) > 0) {
      const row = queue.shift() as OutboxRow;
      if (row.leaseEndsMs - performance.now() < attemptMs + leaseMarginMs) continue;
      lane.started();
      const attempt: Promise<void> = this.#attempt(row, lane).finally(() => {
        this.#inFlight.delete(attempt);
        this.#pump(target);
      });
      this.#inFlight.add(attempt);
    }
  }

  async #attempt(row: OutboxRow, lane: Lane): Promise<void> {
    const { mesh } = this.#options;
    try {
      if (!row.expired)
        await inDeliverySpan(row, async () => {
          await failpoint('send.before', row.method);
          await mesh.unary(row.method, row.payload, { retry: false, timeoutMs: attemptMs });
          await failpoint('send.after', row.method);
        });
      else this.#options.logger.warn(fields(row), 'a message has expired, and is dropped');
      countDelivery(row.target, row.expired ? 'EXPIRED' : 'DELIVERED', row.ageMs + sinceLeased(row));
      this.#acknowledgements.add(row);
      if (lane.answered()) await this.#recovered(row.target);
    } catch (error) {
      if (isTargetFailure(error)) {
        lane.failed(performance.now(), Math.random());
        this.#wakeIn(lane.openUntilMs - performance.now());
      } else lane.answered();
      await this.#failed(row, error);
    }
  }

  async #failed(row: OutboxRow, error: unknown): Promise<void> {
    const { database, logger } = this.#options;
    const code = codeOf(error);
    const verdict = judge(row, error, Math.random());
    countDelivery(row.target, code);
    const failure = { code, attempts: row.attempts + 1, err: error };
    if (verdict.state === 'parked' && row.state === 'pending') {
      countAlarm('parked');
      logger.error({ alarm: true, ...fields(row), ...failure }, 'a message of a saga is parked');
    } else logger.debug({ ...fields(row), ...failure }, 'a message of a saga was not delivered');
    try {
      await failpoint('failure.before', row.method);
      await recordFailure(database.kysely, row, verdict, { code, message: String((error as Error).message) });
      await failpoint('failure.after', row.method);
      if (verdict.delayMs !== undefined) this.#wakeIn(verdict.delayMs);
    } catch (cause) {
      // Its lease runs out, and it is sent again.
      logger.warn({ ...fields(row), err: cause }, 'a failed delivery could not be recorded');
    }
  }

  async #recovered(target: string): Promise<void> {
    try {
      await bringForward(this.#options.database.kysely, target);
      this.#wakeIn(0);
    } catch (error) {
      this.#options.logger.warn({ target, err: error }, 'messages put off by an outage stay put off');
    }
  }

  #wakeIn(ms: number): void {
    this.#poll.wake(Math.max(0, ms));
  }

  async #pollOnce(): Promise<void> {
    const { database, targets } = this.#options;
    for (const target of this.#queues.keys()) this.#pump(target);
    for (const target of await dueTargets(database.kysely, targets)) {
      const free = this.#lane(target).free(performance.now()) - (this.#queues.get(target)?.length ?? 0);
      if (free <= 0) continue;
      const limit = Math.min(claimLimit, free);
      const rows = await database.transaction(async (tx) => {
        const claimed = await claim(tx, target, limit);
        await failpoint('claim.before');
        return claimed;
      });
      await failpoint('claim.after');
      this.dispatch(rows);
      if (rows.length === limit) this.#wakeIn(20);
    }
  }
}

function fields(row: OutboxRow) {
  return {
    sagaId: row.sagaId.toString('hex'),
    method: row.method,
    kind: row.kind,
    msgId: row.msgId.toString('hex'),
  };
}

function sinceLeased(row: OutboxRow): number {
  return performance.now() - (row.leaseEndsMs - leaseMs);
}
