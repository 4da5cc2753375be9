import type { Attributes } from '@opentelemetry/api';
import type { CodeName } from './errors.ts';

/** Names from OpenTelemetry's stable semantic conventions for RPC; the package of them all is large. */
export const statusCodeAttribute = 'rpc.status_code';
export const serverDurationMetric = 'rpc.server.call.duration';
export const clientDurationMetric = 'rpc.client.call.duration';

/** Seconds; the bucket boundaries that the semantic conventions advise for RPC. */
export const durationAdvice = {
  unit: 's',
  advice: {
    explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  },
};

const cache = new Map<string, Map<string | undefined, Attributes>>();

/** Attributes of a call by OpenTelemetry's semantic conventions for RPC; one object per method and outcome. */
export function rpcAttributes(path: string, code?: CodeName | 'OK'): Attributes {
  let outcomes = cache.get(path);
  if (outcomes === undefined) cache.set(path, (outcomes = new Map()));
  let attributes = outcomes.get(code);
  if (attributes === undefined) {
    attributes = {
      'rpc.system.name': 'grpc',
      'rpc.method': path.slice(1),
      ...(code === undefined ? {} : { [statusCodeAttribute]: code }),
      ...(code === undefined || code === 'OK' ? {} : { 'error.type': code }),
    };
    outcomes.set(code, attributes);
  }
  return attributes;
}
