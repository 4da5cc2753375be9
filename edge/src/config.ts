import { env, type ConfigOf } from '@weft/chassis/config';
import { meshSchema } from '@weft/chassis/service-config';
import type { Limits } from './limits.ts';

const second = 1_000;
const mebibyte = 1024 * 1024;
const count = (name: string, preset: number, max = 2 ** 31 - 1) =>
  env.integer(name, { default: preset, min: 1, max });

/** The edge's variables, beside those of every process of the mesh. */
export const edgeSchema = {
  ...meshSchema,
  httpHost: env.string('HTTP_HOST', { default: '127.0.0.1' }),
  httpPort: env.port('HTTP_PORT'),
  unknownQuery: env.oneOf('UNKNOWN_QUERY', ['refuse', 'ignore'], { default: 'refuse' }),
  unknownFields: env.oneOf('UNKNOWN_FIELDS', ['ignore', 'refuse'], { default: 'ignore' }),
  emitDefaults: env.boolean('EMIT_DEFAULTS', { default: true }),
  requestBytes: count('MAX_REQUEST_BYTES', mebibyte),
  responseBytes: count('MAX_RESPONSE_BYTES', 16 * mebibyte, 256 * mebibyte),
  urlBytes: count('MAX_URL_BYTES', 8 * 1024),
  headerBytes: count('MAX_HEADER_BYTES', 16 * 1024),
  jsonDepth: count('MAX_JSON_DEPTH', 100, 500),
  concurrentRequests: count('MAX_CONCURRENT_REQUESTS', 2_000),
  connections: count('MAX_CONNECTIONS', 10_000),
  headersMs: count('HEADERS_TIMEOUT_MS', 10 * second),
  requestMs: count('REQUEST_TIMEOUT_MS', 30 * second),
  keepAliveMs: count('KEEP_ALIVE_TIMEOUT_MS', 65 * second),
  slowClientMs: count('SLOW_CLIENT_TIMEOUT_MS', 30 * second),
  /** Between the signal to end and the end of listening: for load balancers to look at /readyz. */
  drainDelayMs: env.integer('DRAIN_DELAY_MS', { default: 500, min: 0, max: 5 * second }),
  heartbeatMs: count('HEARTBEAT_MS', 15 * second),
} as const;

export type EdgeConfig = ConfigOf<typeof edgeSchema> & Limits;
