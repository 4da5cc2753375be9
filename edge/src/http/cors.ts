import type { Exchange } from './exchange.ts';
import { addVary } from './vary.ts';

/** The CORS protocol (Fetch standard, 3.3), for pages of other origins. */
export interface Cors {
  /** Adds what every answer must carry; answers the request itself where it is a preflight, and says so. */
  answers(exchange: Exchange): boolean;
}

/** As long as Chromium remembers a preflight at most, seconds. */
const maxAge = '7200';
/** Headers that a page may send, beside those with one of the prefixes. What else it names is left out. */
const accepted = new Set([
  'accept',
  'accept-language',
  'authorization',
  'baggage',
  'cache-control',
  'content-encoding',
  'content-type',
  'idempotency-key',
  'last-event-id',
  'pragma',
  'traceparent',
  'tracestate',
]);
const acceptedPrefix = /^(x-|grpc-|connect-)[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/**
 * What pages may read of an answer: by name for browsers that know no `*` there, then all of it, since an
 * upstream's metadata has any names. `*` holds as no answer is for requests with credentials.
 */
const exposed = [
  'grpc-status',
  'grpc-message',
  'grpc-status-details-bin',
  'x-request-id',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'www-authenticate',
  '*',
].join(', ');
const anyMethod = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'];

/**
 * CORS for an allow-list of origins; undefined for an empty one: then no answer speaks of CORS, and browsers
 * keep other origins' pages out. `*` allows every origin.
 *
 * Cookies and the like are never allowed (no `Access-Control-Allow-Credentials`): the edge knows users by
 * their bearer tokens alone. A request from an origin that is not allowed is served without CORS headers:
 * the browser withholds the answer, and anybody but a browser could leave `Origin` out. Its preflight is
 * answered as any OPTIONS, which fails it (Fetch, "CORS-preflight fetch"). Access from public pages to
 * private networks is never granted.
 */
export function createCors(origins: readonly string[]): Cors | undefined {
  if (origins.length === 0) return undefined;
  const all = origins.includes('*');
  const allowed = new Set(origins);
  return {
    answers(exchange) {
      const { request, headers } = exchange;
      const { origin } = request.headers;
      if (!all) addVary(headers, 'Origin');
      if (!all && (origin === undefined || !allowed.has(origin))) return false;
      headers['access-control-allow-origin'] = all ? '*' : (origin ?? '');
      const wanted = request.headers['access-control-request-method'];
      if (request.method === 'OPTIONS' && origin !== undefined && wanted !== undefined) {
        preflight(exchange);
        return true;
      }
      headers['access-control-expose-headers'] = exposed;
      return false;
    },
  };
}

function preflight(exchange: Exchange): void {
  const { request, response, headers } = exchange;
  addVary(headers, 'Access-Control-Request-Method');
  addVary(headers, 'Access-Control-Request-Headers');
  const wanted = (request.headers['access-control-request-headers'] ?? '').toLowerCase().split(',');
  const allowed = wanted.map((name) => name.trim()).filter((name) => isAccepted(name));
  response
    .writeHead(204, {
      ...headers,
      'access-control-allow-methods': methodsAt(exchange).join(', '),
      ...(allowed.length === 0 ? {} : { 'access-control-allow-headers': allowed.join(', ') }),
      'access-control-max-age': maxAge,
    })
    .end();
}

function isAccepted(name: string): boolean {
  return accepted.has(name) || acceptedPrefix.test(name);
}

/**
 * The methods that a path has, by its routes; POST and GET for an RPC. A path that has none allows all, so
 * that the page sees the 404 rather than a failure without a reason.
 */
function methodsAt({ schema, path }: Exchange): readonly string[] {
  // No method is called so, and only a route for all of them takes it.
  const match = schema.routes.table.match('', path);
  if (match.kind === 'found') return anyMethod;
  const methods = new Set(match.kind === 'wrong-method' ? match.allow : []);
  if (schema.rpcs.has(path)) methods.add('GET').add('POST');
  return methods.size === 0 ? anyMethod : [...methods].sort();
}

/** Reads one entry of the allow-list: `*`, or an origin as browsers send it. Throws what is wrong with it. */
export function corsOrigin(text: string): string {
  if (text === '*') return text;
  const match = /^([a-z][a-z0-9+.-]*):\/\/[^/?#@\s]+$/i.exec(text);
  if (match === null || !URL.canParse(text))
    throw new Error(`has ${text}, which is no origin such as https://app.example.com, nor *`);
  // Origins of other schemes (apps in a web view) have no form of their own in URL.
  return /^https?$/i.test(match[1] ?? '') ? new URL(text).origin : text.toLowerCase();
}
