import { metrics, type Attributes, type BatchObservableCallback } from '@opentelemetry/api';

/** What a pool of connections does, kept by whoever hands them out. */
export interface PoolState {
  /** Connections in use. */
  used: number;
  /** Callers that wait for one. */
  waiting: number;
  /** How often a caller gave up waiting, or was turned away since too many waited. */
  givenUp: number;
}

/**
 * Publishes a pool's state under OpenTelemetry's names for database connections (they are not stable yet).
 * Read only when metrics are. Answers how to end it.
 */
export function observeConnections(state: PoolState, max: number, name: string): () => void {
  const meter = metrics.getMeter('@weft/chassis');
  const connection = { unit: '{connection}' };
  const used = meter.createObservableUpDownCounter('db.client.connection.count', {
    ...connection,
    description: 'Connections in use.',
  });
  const limit = meter.createObservableUpDownCounter('db.client.connection.max', {
    ...connection,
    description: 'Connections that may be open.',
  });
  const waiting = meter.createObservableUpDownCounter('db.client.connection.pending_requests', {
    unit: '{request}',
    description: 'Callers that wait for a connection.',
  });
  const timeouts = meter.createObservableCounter('db.client.connection.timeouts', {
    unit: '{timeout}',
    description: 'Callers that gave up waiting for a connection, or were too many to wait.',
  });
  const pool: Attributes = { 'db.client.connection.pool.name': name };
  const inUse: Attributes = { ...pool, 'db.client.connection.state': 'used' };
  const observe: BatchObservableCallback = (result) => {
    result.observe(used, state.used, inUse);
    result.observe(limit, max, pool);
    result.observe(waiting, state.waiting, pool);
    result.observe(timeouts, state.givenUp, pool);
  };
  const instruments = [used, limit, waiting, timeouts];
  meter.addBatchObservableCallback(observe, instruments);
  return () => meter.removeBatchObservableCallback(observe, instruments);
}
