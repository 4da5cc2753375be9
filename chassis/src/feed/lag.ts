import { metrics } from '@opentelemetry/api';

const meter = () => metrics.getMeter('@weft/chassis');

/** How far the copy of a feed is behind, as far as this process knows. */
export interface Lag {
  /** Seconds since the copy was last known to hold everything: up to a second while all is well. */
  readonly seconds: number;
  /** Changes that the source has told of and the copy lacks, those of one key counted each. */
  readonly changes: number;
}

/** Publishes the lag of a copy as metrics, until the answer is called. */
export function observeLag(feed: string, lag: () => Lag): () => void {
  const seconds = meter().createObservableGauge('weft.feed.lag', {
    description: 'Time since the copy of a feed was last known to hold everything.',
    unit: 's',
  });
  const changes = meter().createObservableGauge('weft.feed.behind', {
    description: 'Changes that the source of a feed has given and the copy lacks.',
    unit: '{change}',
  });
  const observe: Parameters<ReturnType<typeof meter>['addBatchObservableCallback']>[0] = (result) => {
    const now = lag();
    result.observe(seconds, now.seconds, { feed });
    result.observe(changes, now.changes, { feed });
  };
  meter().addBatchObservableCallback(observe, [seconds, changes]);
  return () => meter().removeBatchObservableCallback(observe, [seconds, changes]);
}
