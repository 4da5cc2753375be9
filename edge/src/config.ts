import { accessSync, constants } from 'node:fs';
import { env, type ConfigOf } from '@weft/chassis/config';
import { processSchema, registrySchema } from '@weft/chassis/service-config';
import { parseProxy } from './http/client-address.ts';
import { corsOrigin } from './http/cors.ts';
import { headerName } from './http/metadata.ts';
import { parseRate, parseRouteRate } from './http/rate.ts';
import { defaultLimits as presets, type Limits } from './limits.ts';
import { parseTarget, parseUpstream } from './upstreams.ts';

const second = 1_000;
const mebibyte = 1024 * 1024;
const count = (name: string, about: string, preset: number, max = 2 ** 31 - 1) =>
  env.integer(name, { default: preset, min: 1, max, about });
const time = (name: string, about: string, preset: number, flag = '') =>
  env.duration(name, { default: preset, min: 1, max: 2 ** 31 - 1, about, ...(flag === '' ? {} : { flag }) });

const sources = {
  descriptors: env.list('DESCRIPTORS', {
    each: readable,
    form: 'file',
    about: 'the schema: a FileDescriptorSet, as buf build or protoc --descriptor_set_out write it',
  }),
  reflect: env.list('REFLECT', {
    each: checked(parseTarget),
    form: 'upstream',
    about: 'learns the schema from this upstream by gRPC reflection, and sends its services there',
  }),
  registry: env.string('REGISTRY', {
    optional: true,
    form: 'etcd[s]://host:port',
    about: 'finds instances there, and learns the schema of all services unless --descriptors gives it',
  }),
  upstreams: env.list('UPSTREAMS', {
    each: checked(parseUpstream),
    flag: 'upstream',
    form: '[service=]upstream',
    about: 'where calls go, of one gRPC service or of all: static:host:port[|host:port] or dns:host:port',
  }),
  reflectEveryMs: time(
    'REFLECT_INTERVAL_MS',
    'how often reflection is asked for changes, beside each reconnection',
    30 * second,
  ),
} as const;

const security = {
  caFile: env.string('TLS_CA_FILE', {
    optional: true,
    form: 'file|system',
    about: 'TLS to upstreams: who signs their certificates, a PEM file or the usual authorities',
  }),
  certFile: env.file('TLS_CERT_FILE', {
    optional: true,
    about: 'mutual TLS as a workload of the mesh: its certificate chain',
  }),
  keyFile: env.file('TLS_KEY_FILE', { optional: true, about: 'and its key' }),
  ...registrySchema,
} as const;

const serving = {
  httpHost: env.string('HTTP_HOST', {
    default: '127.0.0.1',
    flag: 'host',
    form: 'host',
    about: 'where clients are served',
  }),
  httpPort: env.port('HTTP_PORT', { default: 8080, flag: 'port', about: '0 for any free one' }),
  httpCertFile: env.file('HTTP_TLS_CERT_FILE', {
    optional: true,
    about: 'TLS for clients: the certificate chain, PEM; read anew when it changes',
  }),
  httpKeyFile: env.file('HTTP_TLS_KEY_FILE', { optional: true, about: 'and its key' }),
  adminPort: env.port('ADMIN_PORT', {
    optional: true,
    about: '/healthz, /readyz, /metrics; 9080, or a free one where that is taken, if not set',
  }),
  trustedProxies: env.list('TRUSTED_PROXIES', {
    each: parseProxy,
    flag: 'trusted-proxy',
    form: 'address|network',
    about: 'proxies whose X-Forwarded-For says who the client is',
  }),
  drainDelayMs: env.duration('DRAIN_DELAY_MS', {
    default: 500,
    min: 0,
    max: 5 * second,
    about: 'after SIGTERM it serves on for so long, /readyz at 503, for load balancers to see',
  }),
} as const;

const translation = {
  unknownQuery: env.oneOf('UNKNOWN_QUERY', ['refuse', 'ignore'], {
    default: 'refuse',
    about: 'query parameters that are no field',
  }),
  unknownFields: env.oneOf('UNKNOWN_FIELDS', ['ignore', 'refuse'], {
    default: 'ignore',
    about: 'members of a JSON body that are no field',
  }),
  emitDefaults: env.boolean('EMIT_DEFAULTS', {
    default: true,
    about: 'print fields without presence also when they are zero or empty',
  }),
  pages: env.boolean('PAGES', {
    default: true,
    about: 'serve /openapi.json and its explorer at /docs',
  }),
  corsOrigins: env.list('CORS_ORIGINS', {
    flag: 'cors-origin',
    form: 'origin|*',
    each: corsOrigin,
    about: 'origins whose pages may call, as https://app.example.com',
  }),
  stripHeaders: env.list('STRIP_HEADERS', {
    flag: 'strip-header',
    each: headerName,
    form: 'name',
    about: 'headers and metadata that pass in neither direction',
  }),
} as const;

const limits = {
  requestBytes: count('MAX_REQUEST_BYTES', 'the longest body of a request; 413 above', presets.requestBytes),
  decompressedBytes: count(
    'MAX_DECOMPRESSED_BYTES',
    'the longest body once it is decompressed; 413 above',
    presets.decompressedBytes,
  ),
  responseBytes: count(
    'MAX_RESPONSE_BYTES',
    'the longest answer, as text; 500 above',
    presets.responseBytes,
    256 * mebibyte,
  ),
  urlBytes: count('MAX_URL_BYTES', 'the longest request target; 414 above', presets.urlBytes),
  headerBytes: count('MAX_HEADER_BYTES', 'all headers of a request; 431 above', presets.headerBytes),
  jsonDepth: count('MAX_JSON_DEPTH', 'the deepest nesting of JSON; 400 above', presets.jsonDepth, 500),
  jsonValues: count(
    'MAX_JSON_VALUES',
    'members and elements of a JSON body, all levels together; 400 above',
    presets.jsonValues,
  ),
  maxTimeoutMs: time(
    'MAX_TIMEOUT_MS',
    'the longest a call may take, but for streams, whatever client or contract would allow',
    presets.maxTimeoutMs,
    'max-timeout',
  ),
  concurrentRequests: count(
    'MAX_CONCURRENT_REQUESTS',
    'requests in flight, streams among them; 503 above',
    presets.concurrentRequests,
  ),
  streamsPerConnection: count(
    'MAX_STREAMS_PER_CONNECTION',
    'streams at once on one HTTP/2 connection',
    presets.streamsPerConnection,
  ),
  connections: count('MAX_CONNECTIONS', 'open connections; no new ones above', presets.connections),
  headersMs: time('HEADERS_TIMEOUT_MS', 'how long headers may take to arrive; 408 after', presets.headersMs),
  requestMs: time(
    'REQUEST_TIMEOUT_MS',
    'how long a request may take to arrive; 408 after',
    presets.requestMs,
  ),
  keepAliveMs: time('KEEP_ALIVE_TIMEOUT_MS', 'how long a connection may be idle', presets.keepAliveMs),
  slowClientMs: time(
    'SLOW_CLIENT_TIMEOUT_MS',
    'how long an answer may be left unread before its connection is cut',
    presets.slowClientMs,
  ),
  heartbeatMs: time('HEARTBEAT_MS', 'the sign of life of a quiet event stream', presets.heartbeatMs),
} as const;

const rates = {
  addressRates: env.list('RATE_LIMIT_PER_ADDRESS', {
    each: checked(parseRate),
    form: 'rate',
    about: 'requests of one client address (IPv6: of its /64), as 100/s; several hold together',
  }),
  userRates: env.list('RATE_LIMIT_PER_USER', {
    each: checked(parseRate),
    form: 'rate',
    about: 'calls of one user to methods that need one',
  }),
  routeRates: env.list('RATE_LIMIT_ROUTES', {
    each: checked(parseRouteRate),
    flag: 'rate-limit-route',
    form: 'route=rate',
    about: "one caller's calls to a route or RPC: 'POST /v1/sessions=5/min' or pkg.Service/Method=5/min",
  }),
} as const;

/** The edge's variables as people read of them, each also a flag unless it is a secret. A new one goes where it belongs. */
export const sections = {
  'What is served, and from where': sources,
  'Security of upstreams and of the registry': security,
  'Where it is served': serving,
  'REST and JSON': translation,
  Limits: limits,
  'Limits of how often, in each process, 429 above': rates,
  'Users, admin, logs and traces': processSchema,
} as const;

export const edgeSchema = {
  ...sources,
  ...security,
  ...serving,
  ...translation,
  ...limits,
  ...rates,
  ...processSchema,
} as const;

export type EdgeConfig = ConfigOf<typeof edgeSchema> & Limits;

/**
 * What faults remain where each variable by itself is right. Flags are named, since each variable is one.
 * Where nothing is `called`, it does not matter where calls would go.
 */
export function conflicts(config: EdgeConfig, called: boolean): string[] {
  const { descriptors, reflect, registry, upstreams, caFile, certFile, keyFile } = config;
  const faults: string[] = [];
  if (descriptors.length === 0 && reflect.length === 0 && registry === undefined)
    faults.push('nothing says what to serve: give --descriptors, --reflect or --registry');
  if (descriptors.length > 0 && reflect.length > 0)
    faults.push('--descriptors and --reflect both give the schema: give one of them');
  if (reflect.length > 0 && registry !== undefined)
    faults.push('--reflect and --registry both say what is served: give one of them');
  if (called && descriptors.length > 0 && upstreams.length === 0 && registry === undefined)
    faults.push('nothing says where calls go: give --upstream or --registry beside --descriptors');
  if ((certFile === undefined) !== (keyFile === undefined))
    faults.push('--tls-cert-file and --tls-key-file are given together or not at all');
  else if (certFile !== undefined && (caFile === undefined || caFile === 'system'))
    faults.push('--tls-cert-file needs the authorities of the mesh in --tls-ca-file');
  if ((config.httpCertFile === undefined) !== (config.httpKeyFile === undefined))
    faults.push('--http-tls-cert-file and --http-tls-key-file are given together or not at all');
  return faults;
}

/** A reader of list items that only checks: what they mean is read where they are used. */
function checked(read: (item: string) => unknown): (item: string) => string {
  return (item) => {
    read(item);
    return item;
  };
}

function readable(file: string): string {
  try {
    accessSync(file, constants.R_OK);
    return file;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`names ${file}, which cannot be read (${code})`, { cause: error });
  }
}
