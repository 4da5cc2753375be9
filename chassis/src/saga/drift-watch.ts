import { metrics } from '@opentelemetry/api';
import type { Drift } from '@weft/proto/weft/v1/saga_operations';
import { bytesToUuid } from '../data/uuid.ts';
import { checkBooks } from './book-check.ts';
import type { Books } from './books.ts';
import { listChanges } from './changes.ts';
import { timestamp } from './header.ts';
import { countAlarm } from './metrics.ts';
import type { SagaParts } from './parts.ts';
import { millis, recordDrift } from './record-drift.ts';
import { readRecords } from './saga-records.ts';

const changesAtOnce = 200;
const keysAtOnce = 200;
/** A process that starts looks back so far; what is older is an auditor's. */
const lookBackMs = 10 * 60_000;

/**
 * Looks at a service's own books and logs again and again, a page at a time. What does not agree is the metric
 * `weft.saga.drift`, and an alarm in the log once. The other services it cannot see: `weft saga audit` compares them.
 */
export class DriftWatch<DB> {
  readonly #parts: SagaParts<DB>;
  readonly #books: () => Books<DB>;
  readonly #decided: readonly string[];
  #sinceMs = Date.now() - lookBackMs;
  #cursor = '';
  #page = '';
  /** By saga, what did not agree when it was last looked at. */
  #suspicions = new Map<string, readonly Suspicion[]>();
  /** Of the books: found in the pass under way, and in the one before. */
  #found = new Map<string, Drift>();
  #before = new Map<string, Drift>();
  readonly #told = new Set<string>();

  constructor(parts: SagaParts<DB>, books: () => Books<DB>) {
    this.#parts = parts;
    this.#books = books;
    this.#decided = [...parts.contract.methods.values()].flatMap(({ saga, servedBy }) =>
      saga?.kind === 'START' && servedBy === parts.workload ? [saga.name] : [],
    );
  }

  /** One look: the sagas that have changed, those under suspicion once more, and a page of the books. */
  async look(): Promise<void> {
    await this.#lookAtSagas();
    const { kysely } = this.#parts.database;
    const { drifts, nextPageToken } = await checkBooks(kysely, this.#books(), this.#decided, {
      pageSize: keysAtOnce,
      pageToken: this.#page,
    });
    for (const drift of drifts) this.#found.set(keyOf(drift), drift);
    this.#page = nextPageToken;
    if (nextPageToken === '') {
      this.#before = this.#found;
      this.#found = new Map();
    }
    const now = this.#all();
    for (const [key, drift] of now) if (!this.#told.has(key)) this.#tell(drift);
    this.#told.clear();
    for (const key of now.keys()) this.#told.add(key);
  }

  /** Publishes how much drift there is, by what was compared; answers how to stop. */
  observe(): () => void {
    const gauge = metrics.getMeter('@weft/chassis').createObservableGauge('weft.saga.drift', {
      description: 'Things in this service that must agree and do not.',
      unit: '{drift}',
    });
    const callback: Parameters<typeof gauge.addCallback>[0] = (result) => {
      const byCheck = Map.groupBy(this.#all().values(), ({ check }) => check);
      if (byCheck.size === 0) result.observe(0, { check: '' });
      for (const [check, drifts] of byCheck) result.observe(drifts.length, { check });
    };
    gauge.addCallback(callback);
    return () => gauge.removeCallback(callback);
  }

  async #lookAtSagas(): Promise<void> {
    const { database, workload } = this.#parts;
    const changes = await listChanges(database.kysely, {
      cursor: this.#cursor,
      since: timestamp(this.#sinceMs),
      settle: undefined,
      pageSize: changesAtOnce,
    });
    // Under load it looks at some of what has changed, and never falls behind; an auditor looks at all of it.
    // A log that has lost rows to a restore is followed from now on, too.
    const skips = changes.more || changes.lost;
    this.#cursor = skips ? '' : changes.cursor;
    // By the database's clock: this process's may be ahead of it, and would see nothing for as long.
    const newestMs = millis(changes.newestTime);
    if (skips || newestMs < this.#sinceMs) this.#sinceMs = newestMs;
    const changed = changes.sagaIds.map(bytesToUuid);
    const ids = [...new Set([...this.#suspicions.keys(), ...changed])];
    const records = await readRecords(database, workload, this.#books(), ids);
    const suspicions = records.flatMap((record) => {
      const id = bytesToUuid(record.sagaId);
      const seen = new Set(this.#suspicions.get(id)?.map(({ drift }) => keyOf(drift)));
      const drifts = recordDrift(id, record, Date.now()).map((drift) => ({
        drift,
        sure: seen.has(keyOf(drift)),
      }));
      return drifts.length === 0 ? [] : [[id, drifts] as const];
    });
    this.#suspicions = new Map(suspicions);
  }

  /** Every drift that is known for sure, by its key. */
  #all(): Map<string, Drift> {
    const sure = [...this.#suspicions.values()].flat().filter((each) => each.sure);
    return new Map([
      ...this.#before,
      ...this.#found,
      ...sure.map(({ drift }) => [keyOf(drift), drift] as const),
    ]);
  }

  #tell(drift: Drift): void {
    const { check, key, expected, found } = drift;
    countAlarm('drift');
    this.#parts.logger.error({ alarm: true, check, key, expected, found }, 'what must agree does not');
  }
}

/** Sure when it was found twice in a row: a record is read in parts, while its saga may go on. */
interface Suspicion {
  readonly drift: Drift;
  readonly sure: boolean;
}

function keyOf({ check, key, expected, found }: Drift): string {
  return [check, key, expected, found].join('\n');
}
