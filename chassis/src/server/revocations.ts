import type { Revocations, WatchRevocationsRequest } from '@weft/proto/weft/v1/revocation';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../logger.ts';

const firstBackoffMs = 50;
const longestBackoffMs = 1_000;
/** How often what no longer matters is let go. */
const sweepMs = 30_000;

/** Opens the stream that weft.v1.Revocations describes. `signal` ends it. */
export type WatchRevocations = (
  request: WatchRevocationsRequest,
  signal: AbortSignal,
) => AsyncIterable<Revocations>;

/** The sessions whose tokens count no longer, as far as this process has heard. */
export interface RevokedSessions {
  has(sessionId: string): boolean;
  /** Calls `listener` with the sessions that are revoked from now on. */
  onRevoked(listener: (sessionIds: ReadonlySet<string>) => void): void;
  /** Resolves once the list was heard for the first time. */
  readonly known: Promise<void>;
  /** Milliseconds since the source was heard; Infinity before the first time. */
  ageMs(): number;
  close(): void;
}

export interface FollowOptions {
  /** A source that is away for less is not worth a word: it is being started, or replaced. Default: 2,000 ms. */
  readonly patienceMs?: number;
  /** Silence after which a stream is taken for broken. Default: 4,000 ms; one answer comes every second. */
  readonly silentMs?: number;
}

/**
 * Follows a source of revocations for as long as the process runs: a stream that breaks or falls silent is opened
 * again, from where it was. While the source is away the sessions known last stay revoked. Each is kept until its
 * tokens have expired, so that the list is as long as what was revoked in a token's life.
 */
export function followRevocations(
  watch: WatchRevocations,
  logger: Logger,
  options: FollowOptions = {},
): RevokedSessions {
  const { patienceMs = 2_000, silentMs = 4_000 } = options;
  const untilMs = new Map<string, number>();
  const listeners: ((sessionIds: ReadonlySet<string>) => void)[] = [];
  const stopping = new AbortController();
  const known = Promise.withResolvers<void>();
  let sequence = 0n;
  let heardAt = -Infinity;
  let lostAt: number | undefined;
  let away = false;

  const take = (answer: Revocations): void => {
    ({ sequence } = answer);
    heardAt = Date.now();
    if (away) logger.info('revocations are heard again');
    away = false;
    lostAt = undefined;
    const fresh = new Set<string>();
    for (const { sessionId, until } of answer.sessions) {
      if (!untilMs.has(sessionId)) fresh.add(sessionId);
      untilMs.set(sessionId, until === undefined ? Infinity : Number(until.seconds) * 1000 + 1000);
    }
    if (fresh.size > 0) for (const listener of listeners) listener(fresh);
    known.resolve();
  };

  /** One stream, to its end. */
  async function listen(): Promise<void> {
    const ending = new AbortController();
    const signal = AbortSignal.any([stopping.signal, ending.signal]);
    let timer: NodeJS.Timeout | undefined;
    const quiet = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => ending.abort(), silentMs).unref();
    };
    try {
      quiet();
      for await (const answer of watch({ afterSequence: sequence }, signal)) {
        quiet();
        take(answer);
      }
    } finally {
      clearTimeout(timer);
      ending.abort();
    }
  }

  async function follow(): Promise<void> {
    let backoffMs = firstBackoffMs;
    while (!stopping.signal.aborted) {
      const startedAt = Date.now();
      const error = await listen().then(
        () => new Error('the stream ended'),
        (failure: unknown) => failure,
      );
      if (stopping.signal.aborted) return;
      if (heardAt >= startedAt) backoffMs = firstBackoffMs;
      lostAt ??= Date.now();
      if (!away && Date.now() - lostAt >= patienceMs) {
        away = true;
        logger.warn({ err: error }, 'revocations are not heard: those known last stand');
      }
      // Ended by the signal too.
      await delay(backoffMs * (0.5 + Math.random()), undefined, {
        signal: stopping.signal,
        ref: false,
      }).catch(() => undefined);
      backoffMs = Math.min(longestBackoffMs, backoffMs * 2);
    }
  }

  const sweep = setInterval(() => {
    const now = Date.now();
    for (const [sessionId, until] of untilMs) if (until < now) untilMs.delete(sessionId);
  }, sweepMs).unref();
  void follow();
  return {
    has: (sessionId) => untilMs.has(sessionId),
    onRevoked: (listener) => void listeners.push(listener),
    known: known.promise,
    ageMs: () => Date.now() - heardAt,
    close() {
      stopping.abort();
      clearInterval(sweep);
    },
  };
}
