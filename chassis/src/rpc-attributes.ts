import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  RPC_SYSTEM_NAME_VALUE_GRPC,
} from '@opentelemetry/semantic-conventions';
import type { CodeName } from './errors.ts';

/** Seconds; the bucket boundaries that the semantic conventions advise for RPC. */
export const durationAdvice = {
  unit: 's',
  advice: {
    explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  },
};

const cache = new Map<string, Attributes>();

/** Attributes of a call by OpenTelemetry's semantic conventions for RPC; one object per method and outcome. */
export function rpcAttributes(path: string, code?: CodeName | 'OK'): Attributes {
  const key = `${code} ${path}`;
  let attributes = cache.get(key);
  if (attributes === undefined) {
    attributes = {
      [ATTR_RPC_SYSTEM_NAME]: RPC_SYSTEM_NAME_VALUE_GRPC,
      [ATTR_RPC_METHOD]: path.slice(1),
      ...(code === undefined ? {} : { [ATTR_RPC_STATUS_CODE]: code }),
      ...(code === undefined || code === 'OK' ? {} : { [ATTR_ERROR_TYPE]: code }),
    };
    cache.set(key, attributes);
  }
  return attributes;
}
