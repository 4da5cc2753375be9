import { setTimeout as delay } from 'node:timers/promises';
import type { Transaction } from 'kysely';
import type { Dependency } from '../admin-server.ts';
import type { Database } from '../data/database.ts';
import type { Logger } from '../logger.ts';
import type { Background } from '../service.ts';
import { observeLag, type Lag } from './lag.ts';
import { lockPosition, movePosition, noteCurrent, readPosition } from './position.ts';
import type { FeedBatch } from './source.ts';

const firstBackoffMs = 50;
const longestBackoffMs = 1_000;
/** Silence after which a stream is taken for broken; a batch comes every second. */
const silentMs = 4_000;
/** A source that is away for less is being replaced, and not worth a word. */
const patienceMs = 3_000;
/** So often is it stored that nothing is missing. */
const noteMs = 5_000;
/** Behind for longer, the copy is shown as not ok. */
const lateSeconds = 30;

/** What is followed, and how the copy is written. */
export interface FollowOptions<DB, Entry extends { readonly sequence: bigint }> {
  /** Names the feed in this service's own database, its metrics and its log. */
  readonly feed: string;
  readonly database: Database<DB>;
  readonly logger: Logger;
  /** Opens the source's stream after a sequence. */
  readonly watch: (sequence: bigint, signal: AbortSignal) => AsyncIterable<FeedBatch<Entry>>;
  /** Empties the copy. */
  readonly clear: (tx: Transaction<DB>) => Promise<void>;
  /** Writes changes to the copy, each key at most once. */
  readonly apply: (tx: Transaction<DB>, entries: readonly Entry[]) => Promise<void>;
}

/** A copy that follows a feed. */
export interface FollowedFeed {
  readonly background: Background;
  lag(): Lag;
  /** For /readyz: told, and not required, since a copy that is behind can still be read. */
  readonly dependency: Dependency;
}

/** Somebody has set the position elsewhere, or an instance was first to begin anew. */
class Moved extends Error {}

/**
 * Keeps a copy of another service's feed in this one's database. Each batch and the position after it are
 * written in one transaction, which holds the position's row: whatever dies, a change that is in the copy is
 * not applied again, and one that is not will be. So every instance follows, none of them special: whoever is
 * first with a change writes it, and the others see by the position that it is there.
 *
 * While the source is away the copy stands, and its lag grows. Streams are opened again, for ever, with
 * backoff and jitter, 1 s at most.
 */
export function followFeed<DB, Entry extends { readonly sequence: bigint }>(
  options: FollowOptions<DB, Entry>,
): FollowedFeed {
  const { feed, database, logger, watch, clear, apply } = options;
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let unobserve = () => {};
  let position = 0n;
  let head = 0n;
  let currentAtMs = performance.now();
  let notedAtMs = -Infinity;
  let heardAtMs = performance.now();
  let away = false;

  const lag = (): Lag => ({
    seconds: (performance.now() - currentAtMs) / 1000,
    changes: head > position ? Number(head - position) : 0,
  });

  /** Brings the copy from `from` to where the batch ends, unless another instance has done so. */
  async function take(batch: FeedBatch<Entry>, from: bigint): Promise<void> {
    const current = batch.sequence >= batch.head;
    await database.transaction(
      async (tx) => {
        const at = await lockPosition(tx, feed);
        if (at === undefined || (batch.anew ? at !== from : at < from)) throw new Moved();
        if (!batch.anew && at >= batch.sequence) return;
        if (batch.anew) await clear(tx);
        const fresh = batch.anew ? batch.entries : batch.entries.filter(({ sequence }) => sequence > at);
        if (fresh.length > 0) await apply(tx, fresh);
        await movePosition(tx, feed, batch.sequence, current);
      },
      { idempotent: true },
    );
    if (current) notedAtMs = performance.now();
  }

  /** One stream, to its end. */
  async function follow(): Promise<void> {
    const stored = await readPosition(database.kysely, feed);
    position = stored.sequence;
    if (notedAtMs === -Infinity) currentAtMs = performance.now() - stored.lagSeconds * 1000;
    const ending = new AbortController();
    let timer = setTimeout(() => ending.abort(), silentMs);
    try {
      for await (const batch of watch(position, AbortSignal.any([stopping.signal, ending.signal]))) {
        clearTimeout(timer);
        const nowMs = performance.now();
        ({ head } = batch);
        if (batch.anew || batch.sequence > position) await take(batch, position);
        position = batch.sequence;
        if (position >= head) {
          currentAtMs = nowMs;
          if (nowMs - notedAtMs >= noteMs) {
            if (!(await noteCurrent(database.kysely, feed, position))) throw new Moved();
            notedAtMs = nowMs;
          }
        }
        heardAtMs = nowMs;
        if (away) logger.info({ feed }, 'a feed is heard again');
        away = false;
        timer = setTimeout(() => ending.abort(), silentMs);
      }
    } finally {
      clearTimeout(timer);
      ending.abort();
    }
  }

  async function run(): Promise<void> {
    let backoffMs = firstBackoffMs;
    while (!stopping.signal.aborted) {
      const startedMs = performance.now();
      const error = await follow().catch((failure: unknown) => failure);
      if (stopping.signal.aborted) return;
      if (error instanceof Moved || heardAtMs >= startedMs) backoffMs = firstBackoffMs;
      if (!away && performance.now() - heardAtMs >= patienceMs) {
        away = true;
        logger.warn({ feed, err: error }, 'a feed is not heard: the copy stands as it is');
      }
      const pauseMs = backoffMs * (0.5 + Math.random());
      await delay(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
      backoffMs = Math.min(longestBackoffMs, backoffMs * 2);
    }
  }

  return {
    lag,
    background: {
      start() {
        unobserve = observeLag(feed, lag);
        running = run();
      },
      async stop() {
        stopping.abort();
        await running;
        unobserve();
      },
    },
    dependency: {
      name: `feed ${feed}`,
      required: false,
      state: async () => {
        const { seconds, changes } = lag();
        const detail = `${changes} changes behind, all known ${seconds.toFixed(1)} s ago`;
        return { ok: seconds < lateSeconds, detail };
      },
    },
  };
}
