import { metrics, trace } from '@opentelemetry/api';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '../errors.ts';
import type { Interceptor } from '../server/chain.ts';
import type { ServedCall } from '../server/served-call.ts';
import type { Faults } from './fault-watch.ts';

/** Of what others decide by, and what tools ask: these always tell the truth. */
const spared = /^\/grpc\.(health|reflection)\./;

/**
 * Lets calls go wrong as the faults say, after the access rule: who may not call learns nothing of them. A
 * call that is hit says so in its span (`weft.fault`), in `weft.server.faults` and in its error, whose
 * reason is FAULT_INJECTED. It waits no longer than its caller does.
 *
 * @param random Yields 0 (inclusive) to 1 (exclusive).
 */
export function injectFaults(faults: Faults, random: () => number = Math.random): Interceptor {
  const hits = metrics.getMeter('@weft/chassis').createCounter('weft.server.faults', {
    description: 'Calls that were made to go wrong on demand.',
    unit: '{call}',
  });
  return async (call, next) => {
    const fault = spared.test(call.path) ? undefined : faults.of(call.path);
    if (fault === undefined || random() >= fault.rate) return next(call);
    hits.add(1, { 'rpc.method': call.path.slice(1) });
    trace.getActiveSpan()?.setAttribute('weft.fault', true);
    if (fault.delayMs > 0 && !(await waited(call, fault.delayMs))) return;
    if (fault.error !== undefined) throw new ServiceError(fault.error, 'FAULT_INJECTED', 'a fault on demand');
    await next(call);
  };
}

/** Whether the call is still there after so long. */
async function waited(call: ServedCall, ms: number): Promise<boolean> {
  try {
    await delay(ms, undefined, { signal: call.signal });
    return true;
  } catch (error) {
    if (call.ended) return false;
    throw error;
  }
}
