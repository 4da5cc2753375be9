import { bytesToUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import type { Drift, SagaRecord } from '@weft/proto/weft/v1/saga_operations';
import { judge, type Facts } from './judge.ts';
import { Operations } from './peer.ts';
import type { SagaService } from './services.ts';

/** What is younger waits for the next round: more than a transaction takes. */
export const settledAfterMs = 5_000;
const sagasAtOnce = 100;
/** A cursor that is lost goes back so far before the end of what is left. */
const backMs = 60_000;

/** Where an audit goes on: a cursor of each service's log, and the sagas that it has to come back to. */
export interface AuditState {
  readonly cursors: Readonly<Record<string, string>>;
  readonly open: readonly string[];
}

export interface AuditOptions {
  /** What happened before is taken as audited, Unix milliseconds. Default: the beginning. */
  readonly sinceMs?: number;
  /** Goes on where an earlier audit was. */
  readonly state?: AuditState | undefined;
  /** What is younger waits for the next round. Default: 5,000 ms; more than a transaction takes. */
  readonly settleMs?: number;
  /** So many pages of each service's books are read in a round, 1,000 keys each, in turn. Default: all. */
  readonly bookPages?: number;
}

/** What one round came to. */
export interface Round {
  /** Everything that is drift now, each found at least twice where a saga might have been on its way. */
  readonly drifts: readonly Drift[];
  /** Sagas that were judged in this round. */
  readonly judged: number;
  /** Sagas that are not at rest: looked at again in the next round. */
  readonly inFlight: number;
  /** Sagas that look wrong and were seen so once: the next round says. */
  readonly suspected: number;
  /** Parked messages of the sagas that were looked at. */
  readonly parked: number;
}

interface Open {
  /** What was seen of it, if it looked wrong. */
  readonly seen?: string;
}

/**
 * Compares the services of a running system by what they tell of their sagas; it sees no database. Each round
 * follows the services' logs from where the last one was, so it reads what has changed, once: a saga is judged
 * when no message of it is on its way, and what looks wrong is drift only if the next round finds the very same.
 * Rounds should be 2 s apart or more.
 *
 * A log that has lost the row where a round ended was restored from a backup: that is drift, and all services are
 * read again from where that log ends.
 */
export class Auditor {
  readonly #services: readonly SagaService[];
  readonly #settleMs: number;
  readonly #cursors = new Map<string, string>();
  #sinceMs: number;
  #open = new Map<string, Open>();
  readonly #ofSagas = new Map<string, readonly Drift[]>();
  readonly #bookPages: number;
  /** By service and then page. */
  readonly #ofBooks = new Map<string, Map<number, readonly Drift[]>>();
  readonly #nextPage = new Map<string, { readonly page: number; readonly token: string }>();
  readonly #restored: Drift[] = [];

  constructor(services: readonly SagaService[], options: AuditOptions = {}) {
    const { sinceMs = 0, settleMs = settledAfterMs, bookPages = Infinity, state } = options;
    this.#services = services;
    this.#settleMs = settleMs;
    this.#bookPages = bookPages;
    this.#sinceMs = sinceMs;
    for (const id of state?.open ?? []) this.#open.set(id, {});
    for (const [workload, cursor] of Object.entries(state?.cursors ?? {}))
      this.#cursors.set(workload, cursor);
  }

  /** For an audit that goes on later. */
  get state(): AuditState {
    return { cursors: Object.fromEntries(this.#cursors), open: [...this.#open.keys()] };
  }

  /** One round over all that has changed. Rejects when a service does not answer; then the next does it all. */
  async round(): Promise<Round> {
    const changed = await this.#changes();
    const ids = [...new Set([...this.#open.keys(), ...changed])];
    const open = new Map<string, Open>();
    let judged = 0;
    let suspected = 0;
    let parked = 0;
    for (let at = 0; at < ids.length; at += sagasAtOnce) {
      const batch = ids.slice(at, at + sagasAtOnce);
      const facts = await this.#facts(batch);
      for (const id of batch) {
        const of = facts.get(id) ?? new Map<string, SagaRecord>();
        parked += [...of.values()].reduce(
          (count, { messages }) => count + messages.filter(({ state }) => state === 'parked').length,
          0,
        );
        const verdict = judge(id, of, this.#services[0]?.methods ?? [], Date.now());
        if (verdict.kind === 'in-flight') {
          open.set(id, {});
          continue;
        }
        const { drifts } = verdict;
        if (drifts.length === 0) {
          judged++;
          this.#ofSagas.delete(id);
          continue;
        }
        const seen = fingerprint(of);
        // It stays under suspicion: it may be mended, by the reconciler or a person.
        open.set(id, { seen });
        if (this.#open.get(id)?.seen === seen) {
          judged++;
          this.#ofSagas.set(id, drifts);
        } else suspected++;
      }
    }
    this.#open = open;
    await this.#books();
    return {
      drifts: [
        ...this.#restored,
        ...[...this.#ofBooks.values()].flatMap((pages) => [...pages.values()].flat()),
        ...[...this.#ofSagas.values()].flat(),
      ],
      judged,
      inFlight: [...open.values()].filter(({ seen }) => seen === undefined).length,
      suspected,
      parked,
    };
  }

  async #changes(): Promise<Set<string>> {
    const ids = new Set<string>();
    const next = new Map<string, string>();
    let restoredMs = Infinity;
    await Promise.all(
      this.#services.map(async ({ workload, peer }) => {
        let cursor = this.#cursors.get(workload) ?? '';
        for (;;) {
          const page = await peer.call(Operations.listChanges, {
            cursor,
            since: time(this.#sinceMs),
            settle: time(this.#settleMs),
            pageSize: 1_000,
          });
          if (page.lost) {
            const endMs = Number(page.newestTime?.seconds ?? 0n) * 1000;
            restoredMs = Math.min(restoredMs, endMs);
            this.#restored.push({
              check: 'restored',
              key: workload,
              expected: 'the log that was there before',
              found: endMs === 0 ? 'no log' : `a log that ends at ${new Date(endMs).toISOString()}`,
            });
            return;
          }
          for (const id of page.sagaIds) ids.add(bytesToUuid(id));
          cursor = page.cursor;
          next.set(workload, cursor);
          if (!page.more) return;
        }
      }),
    );
    if (restoredMs !== Infinity) {
      this.#cursors.clear();
      this.#sinceMs = Math.max(0, restoredMs - backMs);
      return this.#changes();
    }
    for (const [workload, cursor] of next) this.#cursors.set(workload, cursor);
    return ids;
  }

  async #facts(ids: readonly string[]): Promise<Map<string, Map<string, SagaRecord>>> {
    const facts = new Map<string, Map<string, SagaRecord>>();
    const read = await Promise.all(
      this.#services.map(async ({ workload, peer }) => {
        const { sagas } = await peer.call(Operations.batchGetSagas, { sagaIds: ids.map(uuidToBytes) });
        return { workload, sagas };
      }),
    );
    for (const { workload, sagas } of read)
      for (const record of sagas) {
        const id = bytesToUuid(record.sagaId);
        facts.set(id, (facts.get(id) ?? new Map<string, SagaRecord>()).set(workload, record));
      }
    return facts;
  }

  async #books(): Promise<void> {
    await Promise.all(
      this.#services.map(async ({ workload, peer }) => {
        const pages = this.#ofBooks.get(workload) ?? new Map<number, readonly Drift[]>();
        this.#ofBooks.set(workload, pages);
        let { page, token } = this.#nextPage.get(workload) ?? { page: 0, token: '' };
        for (let read = 0; read < this.#bookPages; read++) {
          const answer = await peer.call(Operations.checkBooks, { pageSize: 1_000, pageToken: token });
          pages.set(page++, answer.drifts);
          token = answer.nextPageToken;
          if (token !== '') continue;
          for (const old of pages.keys()) if (old >= page) pages.delete(old);
          page = 0;
          break;
        }
        this.#nextPage.set(workload, { page, token });
      }),
    );
  }
}

/** What of a saga must not have changed between two looks. */
function fingerprint(facts: Facts): string {
  return JSON.stringify(
    [...facts].map(([workload, { decision, steps, messages, events, effects, expected }]) => [
      workload,
      decision?.state,
      steps.map(({ step, state }) => [step, state]),
      messages.map(({ messageId, attempts }) => [messageId.toString('hex'), attempts]),
      events.length,
      [...effects, ...expected].map(({ kind, key, amount }) => [kind, key, String(amount)]),
    ]),
  );
}

function time(ms: number) {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1e6) };
}
