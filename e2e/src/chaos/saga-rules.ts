import { bytesToUuid } from '@weft/chassis/data/uuid';
import { brokenLink } from '@weft/chassis/saga/log';
import { rowsOf, type Databases } from './rows.ts';

/** A time in which a saga could not be decided, by its arbiter's database: Unix milliseconds. */
export interface Away {
  readonly fromMs: number;
  readonly toMs: number;
}

const decisionWithinMs = 5_000;

/** What of the protocol's own rules is broken in the databases, once nothing is under way, each in words. */
export async function brokenRules(databases: Databases, away: readonly Away[]): Promise<string[]> {
  const all = await Promise.all([
    ...Object.entries(inDatabase).flatMap(([service, queries]) =>
      Object.entries(queries).map(async ([rule, sql]) => {
        const rows = await rowsOf<{ id: Buffer }>(databases[service as Service], sql);
        return rows.map(({ id }) => `${service}: ${rule} (${bytesToUuid(id)})`);
      }),
    ),
    ...services.map((service) => chainsBroken(databases, service)),
    lateDecisions(databases, away),
  ]);
  return all.flat();
}

const services = ['catalog', 'identity', 'ordering'] as const;
type Service = (typeof services)[number];

const everywhere = {
  'a message is left': 'SELECT saga_id id FROM saga_outbox',
  'a step is not in the state that its log ended with': `SELECT s.saga_id id FROM saga_step s WHERE s.state <>
    COALESCE((SELECT l.to_state FROM saga_log l WHERE l.saga_id = s.saga_id AND l.step = s.step
      ORDER BY l.seq DESC LIMIT 1), 'NEW')`,
  'a transition begins where none has ended': `SELECT l.saga_id id FROM saga_log l WHERE l.from_state <>
    COALESCE((SELECT b.to_state FROM saga_log b WHERE b.saga_id = l.saga_id AND b.step = l.step AND b.seq < l.seq
      ORDER BY b.seq DESC LIMIT 1), 'NEW')`,
};

/** Statements that find nothing where all is well. */
const inDatabase: Readonly<Record<Service, Readonly<Record<string, string>>>> = {
  catalog: {
    ...everywhere,
    'pieces are held for a saga that did not reserve them': `SELECT r.saga_id id FROM reservation r
      WHERE r.state = 'HELD' AND NOT EXISTS (SELECT 1 FROM saga_step s WHERE s.saga_id = r.saga_id AND s.state = 'DONE')`,
    'a step that never ran has pieces': `SELECT r.saga_id id FROM reservation r JOIN saga_step s
      ON s.saga_id = r.saga_id AND s.state IN ('TOMBSTONE', 'REFUSED', 'COMPENSATED')`,
  },
  identity: {
    ...everywhere,
    'a step that never ran has moved money': `SELECT l.saga_id id FROM ledger l JOIN saga_step s
      ON s.saga_id = l.saga_id AND s.state IN ('TOMBSTONE', 'REFUSED') GROUP BY l.saga_id HAVING SUM(l.amount_minor) <> 0`,
  },
  ordering: {
    ...everywhere,
    'the order and its saga disagree': `SELECT o.id FROM orders o LEFT JOIN saga s ON s.saga_id = o.id
      WHERE COALESCE(s.state, '') <> CASE o.status WHEN 'CONFIRMED' THEN 'COMMITTED' WHEN 'REJECTED' THEN 'ABORTED'
        WHEN 'CANCELLED' THEN s.state ELSE 'PENDING' END`,
    'a saga was decided twice': `SELECT saga_id id FROM saga_log WHERE from_state = 'DONE'
      AND to_state IN ('COMMITTED', 'COMPENSATED') GROUP BY saga_id, step HAVING COUNT(*) > 1`,
  },
};

/** The hash of each row of the log covers the row before it. */
async function chainsBroken(databases: Databases, service: Service): Promise<string[]> {
  const { kysely } = databases[service];
  const sagas = await rowsOf<{ id: Buffer }>(databases[service], 'SELECT DISTINCT saga_id id FROM saga_log');
  const left = sagas.values();
  const broken: string[] = [];
  const check = async () => {
    for (const { id } of left) {
      const at = await brokenLink(kysely, bytesToUuid(id));
      if (at !== undefined) broken.push(`${service}: the log of ${bytesToUuid(id)} is broken at row ${at}`);
    }
  };
  await Promise.all([check(), check(), check(), check()]);
  return broken;
}

/** Nothing is PENDING 5 s past its deadline, unless there was nobody who could have decided. */
async function lateDecisions(databases: Databases, away: readonly Away[]): Promise<string[]> {
  const rows = await rowsOf<{ id: Buffer; deadline: Date; decided: Date | null }>(
    databases.ordering,
    `SELECT saga_id id, deadline_at deadline, decided_at decided FROM saga
      WHERE decided_at > deadline_at + INTERVAL 5 SECOND OR (state = 'PENDING' AND deadline_at < UTC_TIMESTAMP(3))`,
  );
  return rows.flatMap(({ id, deadline, decided }) => {
    const decidedMs = decided?.getTime() ?? Date.now();
    const over = away
      .filter(({ fromMs, toMs }) => fromMs < decidedMs && toMs > deadline.getTime())
      .reduce((latest, { toMs }) => Math.max(latest, toMs), deadline.getTime());
    if (decidedMs <= over + decisionWithinMs) return [];
    return [`${bytesToUuid(id)} was pending ${decidedMs - deadline.getTime()} ms past its deadline`];
  });
}
