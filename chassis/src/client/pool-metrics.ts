import {
  metrics,
  type BatchObservableCallback,
  type MetricOptions,
  type Observable,
} from '@opentelemetry/api';
import { breakerStates } from './breaker.ts';
import type { Pool } from './pool.ts';

/** An instance is one of these, as its callers see it. */
type InstanceState = 'ready' | 'not_serving' | 'ejected' | 'connecting';

/** Numbers of a pool that come by the values of an attribute: every value has one, also 0, as an alarm needs it. */
interface Family {
  readonly attribute: string;
  readonly instrument: Observable;
  readonly of: (pool: Pool) => Readonly<Record<string, number>>;
}

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
    { unit: '{attempt}', description: 'Retries and hedges that the budget did not allow.' },
    (pool) => pool.retriesForbidden,
  );
  counter(
    'weft.client.hedges',
    { unit: '{attempt}', description: 'Second attempts beside a first one that was not answered yet.' },
    (pool) => pool.hedges,
  );
  counter(
    'weft.client.hedges.won',
    { unit: '{attempt}', description: 'Second attempts that were answered first.' },
    (pool) => pool.hedgesWon,
  );
  counter(
    'weft.client.unserved',
    { unit: '{call}', description: 'Calls that gave up because no instance became ready.' },
    (pool) => pool.unserved,
  );
  level(
    'weft.client.retry.budget',
    { unit: '{attempt}', description: 'Retries and hedges that the budget allows now.' },
    (pool) => Math.floor(pool.budget.left),
  );
  level(
    'weft.client.waiting',
    { unit: '{call}', description: 'Calls that wait for an instance.' },
    (pool) => pool.waiting,
  );
  level(
    'weft.client.panic',
    { unit: '1', description: '1 while so few instances are fit that all are called, fit or not.' },
    (pool) => (pool.panic ? 1 : 0),
  );
  counter(
    'weft.client.breaker.refused',
    { unit: '{call}', description: 'Calls that were not made, since nothing but failures came back.' },
    (pool) => pool.breaker.refused,
  );

  const families: readonly Family[] = [
    {
      attribute: 'weft.instance.state',
      instrument: meter.createObservableUpDownCounter('weft.client.instances', {
        unit: '{instance}',
        description:
          'Known instances by state: ready, not_serving (they say so), ejected (set aside for failures), connecting.',
      }),
      of: byState,
    },
    {
      attribute: 'weft.pick.zone',
      instrument: meter.createObservableCounter('weft.client.picks', {
        unit: '{attempt}',
        description:
          'Attempts by where their instance is: in the own zone (all, where none is set), or another.',
      }),
      of: (pool) => pool.picks,
    },
    {
      attribute: 'weft.ejection.cause',
      instrument: meter.createObservableCounter('weft.client.ejections', {
        unit: '{instance}',
        description: 'How often an instance was set aside: for consecutive failures, or for their rate.',
      }),
      of: (pool) => pool.ejections,
    },
    {
      attribute: 'weft.breaker.state',
      instrument: meter.createObservableUpDownCounter('weft.client.breaker.state', {
        unit: '1',
        description: '1 for the state in which the breaker is: closed, open, half_open.',
      }),
      of: ({ breaker }) =>
        Object.fromEntries(breakerStates.map((state) => [state, state === breaker.state ? 1 : 0])),
    },
    {
      attribute: 'weft.breaker.state',
      instrument: meter.createObservableCounter('weft.client.breaker.transitions', {
        unit: '{transition}',
        description: 'How often the breaker went over to each state.',
      }),
      of: ({ breaker }) => breaker.transitions,
    },
  ];

  const observe: BatchObservableCallback = (result) => {
    for (const pool of pools()) {
      const attributes = { 'weft.service': pool.service };
      for (const { instrument, of } of values) result.observe(instrument, of(pool), attributes);
      for (const { attribute, instrument, of } of families)
        for (const [value, count] of Object.entries(of(pool)))
          result.observe(instrument, count, { ...attributes, [attribute]: value });
    }
  };
  const observables = [...values, ...families].map(({ instrument }) => instrument);
  meter.addBatchObservableCallback(observe, observables);
  return () => meter.removeBatchObservableCallback(observe, observables);
}

function byState({ endpoints }: Pool): Record<InstanceState, number> {
  const counts = { ready: 0, not_serving: 0, ejected: 0, connecting: 0 };
  for (const { ready, serving, ejected } of endpoints)
    counts[ejected ? 'ejected' : !ready ? 'connecting' : serving ? 'ready' : 'not_serving'] += 1;
  return counts;
}
