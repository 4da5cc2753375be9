import type { Attributes } from '@opentelemetry/api';
import type { CodeName } from './errors.ts';
import { isServerFault } from './server/server-faults.ts';

/** Names from OpenTelemetry's stable semantic conventions for RPC (1.45); the package of them all is large. */
export const statusCodeAttribute = 'rpc.status_code';
export const serverDurationMetric = 'rpc.server.call.duration';
export const clientDurationMetric = 'rpc.client.call.duration';

/** Seconds; the bucket boundaries that the semantic conventions advise for RPC. */
const duration = {
  unit: 's',
  advice: {
    explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  },
};
export const serverDuration = { ...duration, description: 'Duration of served calls.' };
export const clientDuration = { ...duration, description: 'Duration of calls, all their attempts together.' };

type Outcome = CodeName | 'OK' | undefined;

const served = new Map<string, Map<Outcome, Attributes>>();
const called = new Map<string, Map<Outcome, Attributes>>();

/**
 * Attributes of a served call, by OpenTelemetry's semantic conventions for RPC; one object per method and
 * outcome. Only what the server failed is its error (isServerFault).
 */
export function serverAttributes(path: string, code?: CodeName | 'OK'): Attributes {
  return remembered(served, path, code, () => ({
    ...rpcAttributes(path, code),
    ...(code !== undefined && code !== 'OK' && isServerFault(code) ? { 'error.type': code } : {}),
  }));
}

/**
 * Attributes of a call that is made, as above. `workload`: who serves it, under `server.address`: the group of
 * instances that the call is for.
 */
export function clientAttributes(path: string, workload: string, code?: CodeName | 'OK'): Attributes {
  return remembered(called, path, code, () => ({
    ...rpcAttributes(path, code),
    'server.address': workload,
    ...(code === undefined || code === 'OK' ? {} : { 'error.type': code }),
  }));
}

function rpcAttributes(path: string, code: Outcome): Attributes {
  return {
    'rpc.system.name': 'grpc',
    'rpc.method': path.slice(1),
    ...(code === undefined ? {} : { [statusCodeAttribute]: code }),
  };
}

function remembered(
  cache: Map<string, Map<Outcome, Attributes>>,
  path: string,
  code: Outcome,
  make: () => Attributes,
): Attributes {
  let outcomes = cache.get(path);
  if (outcomes === undefined) cache.set(path, (outcomes = new Map()));
  let attributes = outcomes.get(code);
  if (attributes === undefined) outcomes.set(code, (attributes = make()));
  return attributes;
}
