import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../data/database.ts';
import type { Logger } from '../logger.ts';
import { periodic } from '../periodic.ts';
import type { Background } from '../service.ts';
import { entriesAfter, forgetRemoved, type FeedEntry, type FeedPage } from './entries.ts';

/** What another instance has committed is told here after this long at the latest. */
const pollMs = 200;
/** A batch comes this often, if only an empty one. */
const heartbeatMs = 1_000;
const batchSize = 500;
const keptDays = 7;
const forgetMs = 10 * 60_000;

/** What a feed's followers are told: the changes since the batch before. */
export interface FeedBatch<Entry extends { readonly sequence: bigint }> {
  /** Where to go on from: all changes up to here have been told. */
  readonly sequence: bigint;
  /** The last sequence that was given. */
  readonly head: bigint;
  /** Begins with everything: what the follower has is to be dropped first. */
  readonly anew: boolean;
  /** In the order of their sequences. */
  readonly entries: readonly Entry[];
}

/** A feed that this service publishes. */
export interface FeedSource {
  /**
   * What changed after `sequence`, and then every change, until `signal` is aborted. It is read as fast as it
   * is pulled, 500 changes at a time, and holds nothing in memory. Throws UNAVAILABLE while the database is away.
   */
  readonly watch: (sequence: bigint, signal: AbortSignal) => AsyncGenerator<FeedBatch<FeedEntry>>;
  /** Forgets what was removed for more than 7 days. */
  readonly background: Background;
}

/**
 * Serves a feed to any number of followers: all of them at one place share one read every 200 ms. Every
 * instance reads the same tables, so a follower may go on at another from where it was.
 */
export function feedSource<DB>(database: Database<DB>, feed: string, logger: Logger): FeedSource {
  let last: { sequence: bigint; atMs: number; page: Promise<FeedPage> } | undefined;

  const read = (sequence: bigint): Promise<FeedPage> => {
    const nowMs = performance.now();
    if (last === undefined || last.sequence !== sequence || nowMs - last.atMs >= pollMs)
      last = { sequence, atMs: nowMs, page: entriesAfter(database.kysely, feed, sequence, batchSize) };
    return last.page;
  };

  async function* watch(after: bigint, signal: AbortSignal): AsyncGenerator<FeedBatch<FeedEntry>> {
    let sequence = after > 0n ? after : 0n;
    let anew = sequence === 0n;
    /** What was forgotten when this began anew; its follower never had it. */
    let floor = 0n;
    let toldMs = -Infinity;
    while (!signal.aborted) {
      const page = await read(sequence);
      const { head, forgotten, entries } = page;
      const lost = sequence > head || (sequence < forgotten && forgotten > floor);
      if (lost && !anew) {
        [sequence, anew] = [0n, true];
        continue;
      }
      if (anew) floor = forgotten;
      const full = entries.length === batchSize;
      if (anew || entries.length > 0 || performance.now() - toldMs >= heartbeatMs) {
        sequence = (full ? entries.at(-1)?.sequence : undefined) ?? head;
        yield { sequence, head, anew, entries };
        anew = false;
        toldMs = performance.now();
      }
      if (!full) await delay(pollMs, undefined, { signal }).catch(() => undefined);
    }
  }

  const forget = async () => {
    while (await forgetRemoved(database, feed, keptDays));
  };
  return {
    watch,
    background: periodic({ name: `forgetting removed ${feed}`, everyMs: forgetMs, work: forget, logger }),
  };
}
