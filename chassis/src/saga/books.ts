import type { Drift, SagaEffect } from '@weft/proto/weft/v1/saga_operations';
import type { Kysely } from 'kysely';

/** What a saga has moved at a service: an amount of `kind` (money, pieces), of `key` (an account, a product). */
export interface Effect extends SagaEffect {
  /** A UUID. */
  readonly sagaId: string;
}

/** A part of a service's books, and where the next begins; empty: this was the last. */
export interface BooksPage {
  readonly drifts: readonly Drift[];
  readonly next: string;
}

/**
 * What a service tells of its own tables, so that an auditor who sees no database can compare services. Each
 * answers from single statements, for those see one moment; all run on live data, many times a minute.
 */
export interface Books<DB> {
  /** What the service has done for these sagas and not undone, by its own records rather than the saga's. */
  readonly effects?: (db: Kysely<DB>, sagaIds: readonly string[]) => Promise<Effect[]>;
  /** At an arbiter: what all services together must have done for these sagas, as it stands. */
  readonly expected?: (db: Kysely<DB>, sagaIds: readonly string[]) => Promise<Effect[]>;
  /** Compares what must agree within the service, for up to `limit` keys after `after` (empty: from the first). */
  readonly check?: (db: Kysely<DB>, after: string, limit: number) => Promise<BooksPage>;
}

/** The next page begins after the last of these keys; nowhere when they are fewer than were asked for. */
export function pageAfter(keys: readonly string[], limit: number): string {
  return keys.length < limit ? '' : (keys.at(-1) ?? '');
}
