import type { Logger } from 'pino';
import type { Mesh } from '../client/mesh.ts';
import type { Contract } from '../contract.ts';
import type { Database } from '../data/database.ts';
import { SagaArbiter } from './arbiter.ts';
import type { Books } from './books.ts';
import { SagaDecision } from './decision.ts';
import { DriftWatch } from './drift-watch.ts';
import { isReason, readSagaId } from './header.ts';
import { readEvents } from './log.ts';
import { Loop } from './loop.ts';
import { observeOutbox } from './metrics.ts';
import { sagaOperations } from './operations.ts';
import { Participant } from './participant.ts';
import { sagaRule, type SagaParts } from './parts.ts';
import { reconcile } from './reconciler.ts';
import { Relay } from './relay.ts';
import { defaultRetentionDays, deleteOld } from './retention.ts';
import type { Done, Refused, Saga } from './types.ts';

export { pageAfter, type Books, type BooksPage, type Effect } from './books.ts';
export type {
  Arbiter,
  ArbiterOptions,
  Body,
  Decision,
  Done,
  Header,
  MustBodies,
  MustMethod,
  MustMethods,
  Refused,
  Saga,
  UnaryHandler,
} from './types.ts';

/** What a service's part in its sagas is made of; `runService` makes it. */
export interface SagaOptions<DB> {
  readonly contract: Contract;
  /** The workload's name, as `weft.v1.served_by` has it. */
  readonly workload: string;
  readonly instanceId: string;
  readonly database: Database<DB>;
  /** Carries the messages. `prepare`, if there is one, connects to their targets before the first. */
  readonly mesh: Pick<Mesh, 'unary'> & Partial<Pick<Mesh, 'prepare'>>;
  readonly logger: Logger;
  /** Time between two looks at the outbox for what was not sent at once. Default: 250 to 750 ms, at random. */
  readonly poll?: { readonly minMs: number; readonly maxMs: number };
  /** How long what is over is kept, in days. Default and least: 7. */
  readonly retentionDays?: number;
}

/** A service's part in the sagas of `contract`. Nothing runs until `run()`. */
export function createSaga<DB>(options: SagaOptions<DB>): Saga<DB> {
  const { contract, workload, database, logger } = options;
  const sagaMethods = [...contract.methods.values()].filter((method) => method.saga !== undefined);
  const targets = [...new Set(sagaMethods.map((method) => method.service))];
  const relay = new Relay({ ...options, targets });
  // A pod's name may be longer than its column.
  const instanceId = options.instanceId.slice(0, 64);
  const parts: SagaParts<DB> = { ...options, instanceId, dispatch: (rows) => relay.dispatch(rows) };
  const participant = new Participant(parts);
  let books: Books<DB> = {};
  const drift = new DriftWatch(parts, () => books);
  const sweepers: (() => Promise<boolean>)[] = [];
  const handled = new Set<string>();
  const handles = <T>(handler: T, ...methods: readonly { readonly path: string }[]): T => {
    for (const { path } of methods) handled.add(path);
    return handler;
  };
  const loop = (name: string, minMs: number, maxMs: number, work: () => Promise<boolean | void>) =>
    new Loop({ name, minMs, maxMs, logger, work });
  const loops = [
    loop('saga-sweeper', 500, 1_000, async () => {
      let more = false;
      for (const sweep of sweepers) more = (await sweep()) || more;
      return more;
    }),
    loop('saga-reconciler', 5_000, 10_000, async () => (await reconcile(parts, participant)).more),
    loop('saga-retention', 300_000, 600_000, async () => {
      return (await deleteOld(database.kysely, options.retentionDays ?? defaultRetentionDays)) > 0;
    }),
    loop('saga-drift', 5_000, 10_000, () => drift.look()),
  ];
  const observers: (() => void)[] = [];
  return {
    step: (method, next, effect) => handles(participant.step(method, next, effect), method),
    undo: (method, reverse) => handles(participant.undo(method, reverse), method),
    final: (method, seal) => handles(participant.final(method, seal), method),
    must: (method, effect) => handles(participant.must(method, effect), method),
    decision: (method, musts) => handles(new SagaDecision(parts, method.path, musts), method),
    log: (method) => {
      sagaRule(contract, method.path, 'LOG');
      return handles(
        async ({ saga }) => ({ events: await readEvents(database.kysely, readSagaId(saga), workload) }),
        method,
      );
    },
    arbiter: (arbiterOptions) => {
      const arbiter = new SagaArbiter(parts, arbiterOptions);
      sweepers.push(() => arbiter.sweep());
      const { start, commit, abort, outcome } = arbiterOptions;
      return handles(arbiter, start, commit, abort, outcome);
    },
    audit: (given) => {
      books = given;
    },
    operations: sagaOperations(parts, () => books),
    events: (sagaId) => readEvents(database.kysely, sagaId, workload),
    reconcile: async () => (await reconcile(parts, participant)).asked,
    run: () => {
      const missing = sagaMethods.filter(({ servedBy, path }) => servedBy === workload && !handled.has(path));
      if (missing.length > 0)
        throw new Error(`${workload} has no handler for ${missing.map(({ path }) => path).join(', ')}`);
      observers.push(
        observeOutbox(database.kysely, (error) =>
          logger.warn({ err: error }, 'the depth of the outbox could not be read'),
        ),
        drift.observe(),
      );
      options.mesh.prepare?.(targets);
      relay.start();
      for (const each of loops) each.start();
    },
    stop: async (timeoutMs = 5_000) => {
      for (const stopObserving of observers.splice(0)) stopObserving();
      const timer = Promise.withResolvers<void>();
      const handle = setTimeout(timer.resolve, timeoutMs);
      await Promise.race([Promise.all([relay.stop(), ...loops.map((each) => each.stop())]), timer.promise]);
      clearTimeout(handle);
    },
  };
}

/** A step's effect is there; `next` is the body of the next method's request. */
export function done<Next>(next: Next): Done<Next> {
  return { outcome: 'DONE', next };
}

/**
 * A step refuses; `reason` reaches the arbiter's `reject`. Throws a TypeError unless it is UPPER_SNAKE_CASE
 * with 64 characters at most.
 */
export function refused(reason: string): Refused {
  if (!isReason(reason)) throw new TypeError(`not a reason in UPPER_SNAKE_CASE: ${reason}`);
  return { outcome: 'REFUSED', reason };
}
