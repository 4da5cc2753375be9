import { metrics, type BatchObservableCallback, type Observable } from '@opentelemetry/api';

const meter = () => metrics.getMeter('@weft/chassis');
const gauge = (name: string, unit: string, description: string) =>
  meter().createObservableGauge(name, { unit, description });

/** Publishes whether this instance is registered, and how long etcd keeps it if it falls silent. Answers how to end it. */
export function observeRegistration(registration: {
  status(): { readonly registered: boolean; readonly leaseMs: number };
}): () => void {
  const registered = gauge('weft.registry.registered', '1', 'Whether this instance is registered: 1 or 0.');
  const lease = gauge(
    'weft.registry.lease.left',
    's',
    'Until etcd forgets this instance, unless it renews; 10 s is full.',
  );
  return observe([registered, lease], (result) => {
    const { registered: now, leaseMs } = registration.status();
    result.observe(registered, now ? 1 : 0);
    result.observe(lease, leaseMs / 1_000);
  });
}

/** Publishes whether etcd is followed, and how old what is known may be. Answers how to end it. */
export function observeWatch(
  state: () => { readonly connected: boolean; readonly ageMs: number },
): () => void {
  const connected = gauge('weft.registry.connected', '1', 'Whether etcd is followed: 1 or 0.');
  const age = gauge('weft.registry.watch.age', 's', 'Since etcd was last heard of; 2.5 s is usual.');
  return observe([connected, age], (result) => {
    const { connected: now, ageMs } = state();
    result.observe(connected, now ? 1 : 0);
    result.observe(age, ageMs / 1_000);
  });
}

function observe(instruments: Observable[], callback: BatchObservableCallback): () => void {
  meter().addBatchObservableCallback(callback, instruments);
  return () => meter().removeBatchObservableCallback(callback, instruments);
}
