import { metrics, type Attributes, type Counter, type Histogram } from '@opentelemetry/api';
import { execute, type Executor } from '../data/statement.ts';

const meter = () => metrics.getMeter('@weft/chassis');
let instruments: { deliveries: Counter; age: Histogram; received: Counter; alarms: Counter } | undefined;

/** Made at first use, after the process has set its meter provider. */
function get() {
  return (instruments ??= {
    deliveries: meter().createCounter('weft.saga.deliveries', {
      description: 'Attempts to deliver a message of a saga, by result.',
      unit: '{message}',
    }),
    age: meter().createHistogram('weft.saga.delivery.age', {
      description: 'From a message being queued to its delivery.',
      unit: 's',
      advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 10, 30, 60, 300] },
    }),
    received: meter().createCounter('weft.saga.received', {
      description: 'Messages of a saga that arrived, by what was done about them.',
      unit: '{message}',
    }),
    alarms: meter().createCounter('weft.saga.alarms', {
      description: 'What a person has to look at.',
      unit: '{alarm}',
    }),
  });
}

/** One attempt: DELIVERED, EXPIRED, or the code it failed with. */
export function countDelivery(target: string, result: string, ageMs?: number): void {
  get().deliveries.add(1, { target, result });
  if (ageMs !== undefined) get().age.record(ageMs / 1000, { target });
}

export function countReceived(step: string, kind: string, action: string): void {
  get().received.add(1, { step, kind, action });
}

/**
 * What a person has to look at: a message given up for now, one that no state allows, a saga nobody knows, a
 * database's clock that is far from the arbiter's, books that do not agree.
 */
const alarmKinds = ['parked', 'impossible-message', 'unknown-saga', 'clock', 'drift'] as const;

export function countAlarm(kind: (typeof alarmKinds)[number]): void {
  get().alarms.add(1, { kind });
}

const states = ['pending', 'parked'];

/** Publishes the outbox's depth and the age of its oldest row, by target and state; answers how to stop. */
export function observeOutbox(on: Executor, onError: (error: unknown) => void): () => void {
  // There from the start: the first alarm is a change that a rate sees.
  for (const kind of alarmKinds) get().alarms.add(0, { kind });
  const depth = meter().createObservableGauge('weft.saga.outbox.depth', {
    description: 'Messages not delivered yet.',
    unit: '{message}',
  });
  const age = meter().createObservableGauge('weft.saga.outbox.age', {
    description: 'Age of the oldest message not delivered yet.',
    unit: 's',
  });
  const observe: Parameters<ReturnType<typeof meter>['addBatchObservableCallback']>[0] = async (result) => {
    try {
      const { rows } = await execute<{ target: string; state: string; depth: string; age: string }>(
        on,
        `SELECT target, state, COUNT(*) AS depth,
          TIMESTAMPDIFF(MICROSECOND, MIN(created_at), UTC_TIMESTAMP(3)) AS age
          FROM saga_outbox GROUP BY target, state`,
      );
      // An empty outbox has its numbers too: nothing waits for nobody.
      for (const state of states.filter((one) => rows.every((row) => row.state !== one))) {
        result.observe(depth, 0, { target: '', state });
        result.observe(age, 0, { target: '', state });
      }
      for (const row of rows) {
        const attributes: Attributes = { target: row.target, state: row.state };
        result.observe(depth, Number(row.depth), attributes);
        result.observe(age, Number(row.age) / 1e6, attributes);
      }
    } catch (error) {
      onError(error);
    }
  };
  meter().addBatchObservableCallback(observe, [depth, age]);
  return () => meter().removeBatchObservableCallback(observe, [depth, age]);
}
