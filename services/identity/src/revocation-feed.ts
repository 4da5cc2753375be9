import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@weft/chassis/data/database';
import { ServiceError } from '@weft/chassis/errors';
import type { Logger } from '@weft/chassis/logger';
import { toTimestamp } from '@weft/chassis/resource/timestamp';
import type { WatchRevocations } from '@weft/chassis/server/revocations';
import type { Background } from '@weft/chassis/service';
import type { Revocations } from '@weft/proto/weft/v1/revocation';
import { lastSequence, revocationsAfter, type Revocation } from './revocation-store.ts';
import type { Tables } from './tables.ts';

/** What another instance revokes is known here after this long at the latest. */
const pollMs = 200;
/** An answer comes this often, if only an empty one. */
const heartbeatMs = 1_000;
/** Not read for so long: watchers are sent elsewhere. */
const staleMs = 3_000;
const batch = 1_000;

/** The revoked sessions as this instance knows them, and whoever follows them. */
export interface RevocationFeed {
  /** The stream of weft.v1.Revocations. Ends with UNAVAILABLE where the database could not be read for a while. */
  readonly watch: WatchRevocations;
  /** Reads at once: a session was just revoked here. */
  poke(): void;
  /** Reads the database, five times a second. */
  readonly background: Background;
}

/** All instances read the same table, so a watcher may go on at another from where it was. */
export function createRevocationFeed(database: Database<Tables>, logger: Logger): RevocationFeed {
  let known: Revocation[] = [];
  let head = 0n;
  let readAt = -Infinity;
  let failing = false;
  let changed = Promise.withResolvers<void>();
  let poked = Promise.withResolvers<void>();
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  async function read(): Promise<void> {
    const last = await lastSequence(database.kysely);
    // Another database than before: what is in it has other sequences.
    if (last < head) [known, head] = [[], 0n];
    while (head < last) {
      const more = await revocationsAfter(database.kysely, head, batch);
      known.push(...more);
      // There may be more by now than `last`, and fewer than it counts: expired ones are deleted.
      head = more.at(-1)?.sequence ?? last;
    }
    const now = Date.now();
    if (known.some(({ until }) => until.getTime() < now))
      known = known.filter(({ until }) => until.getTime() >= now);
    readAt = now;
    failing = false;
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      const before = head;
      const first = readAt === -Infinity;
      poked = Promise.withResolvers();
      try {
        await read();
      } catch (error) {
        if (!failing) logger.warn({ err: error }, 'the revocations could not be read');
        failing = true;
      }
      if (head !== before || first) {
        changed.resolve();
        changed = Promise.withResolvers();
      }
      await sleep(pollMs, poked.promise, stopping.signal);
    }
  }

  async function* watch(
    { afterSequence }: { readonly afterSequence: bigint },
    signal: AbortSignal,
  ): AsyncGenerator<Revocations> {
    // One that this database never gave.
    let sent = afterSequence;
    while (!signal.aborted) {
      const next = changed.promise;
      if (readAt === -Infinity && !failing) {
        await sleep(heartbeatMs, next, signal);
        continue;
      }
      if (Date.now() - readAt > staleMs) throw away();
      if (sent > head) sent = 0n;
      const from = sent;
      const news = known.filter(({ sequence }) => sequence > from);
      sent = head;
      yield {
        sequence: sent,
        sessions: news.map(({ sessionId, until }) => ({ sessionId, until: toTimestamp(until) })),
      };
      if (head === sent) await sleep(heartbeatMs, next, signal);
    }
  }

  return {
    watch,
    poke: () => poked.resolve(),
    background: {
      start() {
        running = loop();
      },
      async stop() {
        stopping.abort();
        await running;
      },
    },
  };
}

/** Until `ms` have passed, `earlier` is resolved, or `signal` is aborted. */
async function sleep(ms: number, earlier: Promise<void>, signal: AbortSignal): Promise<void> {
  const own = new AbortController();
  const waiting = delay(ms, undefined, { signal: AbortSignal.any([signal, own.signal]), ref: false });
  await Promise.race([waiting.catch(() => undefined), earlier]);
  own.abort();
}

function away(): ServiceError {
  return new ServiceError(
    'UNAVAILABLE',
    'REVOCATIONS_UNKNOWN',
    'the revocations cannot be read: ask another',
  );
}
