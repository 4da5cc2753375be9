import type { Priority } from '../../call-context.ts';
import { metrics, type Attributes, type Observable, type ObservableCallback } from '@opentelemetry/api';

/** What is measured of a gate. */
export interface GateState {
  readonly limit: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly maxStreams: number;
  readonly streams: number;
  readonly expired: number;
  readonly refused: Readonly<Record<Priority, number>>;
}

/** Read only when metrics are: a call costs nothing more. Answers how to end it. */
export function observeGate(gate: GateState): () => void {
  const meter = metrics.getMeter('@weft/chassis');
  const ends: (() => void)[] = [];
  const observe = (instrument: Observable, callback: ObservableCallback): void => {
    instrument.addCallback(callback);
    ends.push(() => instrument.removeCallback(callback));
  };
  const value = (name: string, unit: string, description: string, read: () => number): void =>
    observe(meter.createObservableUpDownCounter(name, { unit, description }), (result) =>
      result.observe(read()),
    );
  value('weft.server.call.limit', '{call}', 'Calls that may be in flight.', () => gate.limit);
  value('weft.server.call.usage', '{call}', 'Calls in flight.', () => gate.inFlight);
  value('weft.server.call.waiting', '{call}', 'Calls that wait to begin.', () => gate.waiting);
  value('weft.server.stream.limit', '{stream}', 'Streams that may be open.', () => gate.maxStreams);
  value('weft.server.stream.usage', '{stream}', 'Open streams.', () => gate.streams);
  const refused = { unit: '{call}', description: 'Calls refused because of overload.' };
  const byPriority = Object.keys(gate.refused).map((priority): [Priority, Attributes] => [
    priority as Priority,
    { 'weft.call.priority': priority.toLowerCase() },
  ]);
  observe(meter.createObservableCounter('weft.server.call.refused', refused), (result) => {
    for (const [priority, attributes] of byPriority) result.observe(gate.refused[priority], attributes);
  });
  const expired = {
    unit: '{call}',
    description: 'Calls that nobody waited for any more when they could begin.',
  };
  observe(meter.createObservableCounter('weft.server.call.expired', expired), (result) =>
    result.observe(gate.expired),
  );
  return () => ends.forEach((end) => end());
}
