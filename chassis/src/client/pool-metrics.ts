import {
  metrics,
  type Attributes,
  type BatchObservableCallback,
  type MetricOptions,
  type Observable,
} from '@opentelemetry/api';
import type { Pool } from './pool.ts';

/** An instance is one of these, as its callers see it. */
const states = ['ready', 'ejected', 'connecting'] as const;

/**
 * Publishes what is known of the pools, by gRPC service: as many series as there are services that this
 * process calls, however many instances they have. Read only when metrics are: a call costs nothing more.
 * Answers how to end it.
 */
export function observePools(pools: () => Iterable<Pool>): () => void {
  const meter = metrics.getMeter('@weft/chassis');
  const values: { readonly instrument: Observable; readonly of: (pool: Pool) => number }[] = [];
  const counter = (name: string, options: MetricOptions, of: (pool: Pool) => number) =>
    values.push({ instrument: meter.createObservableCounter(name, options), of });
  const level = (name: string, options: MetricOptions, of: (pool: Pool) => number) =>
    values.push({ instrument: meter.createObservableUpDownCounter(name, options), of });

  counter(
    'weft.client.attempts',
    { unit: '{attempt}', description: 'Attempts at calls, each on an instance that was picked for it.' },
    (pool) => pool.attempts,
  );
  counter(
    'weft.client.retries',
    { unit: '{attempt}', description: 'Attempts that were made again after a failure.' },
    (pool) => pool.retries,
  );
  counter(
    'weft.client.retries.forbidden',
    { unit: '{attempt}', description: 'Retries that the budget did not allow.' },
    (pool) => pool.retriesForbidden,
  );
  counter(
    'weft.client.ejections',
    { unit: '{instance}', description: 'How often an instance was set aside for its failures.' },
    (pool) => pool.ejections,
  );
  counter(
    'weft.client.unserved',
    { unit: '{call}', description: 'Calls that gave up because no instance became ready.' },
    (pool) => pool.unserved,
  );
  level(
    'weft.client.retry.budget',
    { unit: '{attempt}', description: 'Retries that the budget allows now.' },
    (pool) => Math.floor(pool.budget.left),
  );
  level(
    'weft.client.waiting',
    { unit: '{call}', description: 'Calls that wait for an instance.' },
    (pool) => pool.waiting,
  );
  const instances = meter.createObservableUpDownCounter('weft.client.instances', {
    unit: '{instance}',
    description: 'Known instances by state: ready, ejected (set aside for failures), connecting.',
  });

  const observe: BatchObservableCallback = (result) => {
    for (const pool of pools()) {
      const attributes = { 'weft.service': pool.service };
      for (const { instrument, of } of values) result.observe(instrument, of(pool), attributes);
      for (const [state, count] of byState(pool))
        result.observe(instances, count, { ...attributes, 'weft.instance.state': state } as Attributes);
    }
  };
  const observables = [...values.map(({ instrument }) => instrument), instances];
  meter.addBatchObservableCallback(observe, observables);
  return () => meter.removeBatchObservableCallback(observe, observables);
}

/** Every state has a number, also 0: an alarm needs it to be there. */
function byState({ endpoints }: Pool): Map<(typeof states)[number], number> {
  const counts = new Map(states.map((state) => [state, 0]));
  for (const { ready, ejected } of endpoints) {
    const state = ejected ? 'ejected' : ready ? 'ready' : 'connecting';
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return counts;
}
