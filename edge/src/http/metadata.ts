import type { Metadata } from '@grpc/grpc-js';
import { hasPair } from '@weft/chassis/client/metadata-pairs';

const prefix = 'grpc-metadata-';
/** Headers that go upstream under their own name, beside `x-*`. */
const passed = new Set(['authorization', 'traceparent', 'tracestate', 'baggage', 'accept-language']);
/** `x-*` headers that are for the edge itself. */
const own = new Set(['x-request-id', 'x-server-timeout']);
/** What proxies say of a client. The prefix must not get past a proxy that replaces them. */
const proxies = /^(forwarded|x-real-ip|x-(forwarded|envoy)-.*)$/;
const none: ReadonlySet<string> = new Set();

/** Of one hop alone (RFC 9110, 7.6.1), or about the framing of another protocol's message. */
const neverPassed = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-type',
  'content-length',
  'content-encoding',
  'accept-encoding',
  'date',
  'server',
  'user-agent',
  'cookie',
]);

/** Set by the edge itself. */
const ownAnswers = new Set(['x-request-id', 'x-content-type-options', 'traceparent', 'tracestate']);

/** What a recipient has to know before the content, so no trailer may hold it (RFC 9110, 6.5.1). */
const neverTrailers = new Set([
  'age',
  'cache-control',
  'content-disposition',
  'content-language',
  'content-location',
  'content-range',
  'etag',
  'expires',
  'last-modified',
  'location',
  'pragma',
  'retry-after',
  'set-cookie',
  'vary',
  'www-authenticate',
]);

/**
 * The metadata of a request: `authorization`, the trace context, `x-*`, and what has the prefix
 * `Grpc-Metadata-`, which is taken off. The prefix cannot set what has another way in. Values that
 * metadata cannot hold are left out; a name in `-bin` holds base64, several values separated by commas.
 *
 * `stripped`: names, in lower case, that the operator lets pass in neither direction.
 */
export function requestMetadata(
  rawHeaders: readonly string[],
  requestId: string,
  stripped: ReadonlySet<string> = none,
): string[] {
  const metadata: string[] = [];
  const ofThisHop = connectionOptions(rawHeaders);
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const header = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    if (stripped.has(header) || ofThisHop?.has(header) === true) continue;
    if (passed.has(header) || (header.startsWith('x-') && !own.has(header)))
      addMetadata(metadata, header, value);
    else if (header.startsWith(prefix)) addPrefixed(metadata, header.slice(prefix.length), value, stripped);
  }
  if (!stripped.has('x-request-id')) metadata.push('x-request-id', requestId);
  return metadata;
}

/**
 * Headers that `Connection` says are for this hop alone (RFC 9110, 7.6.1). Not those that proxies say of the
 * client or that say who it is: they are not the client's to take away.
 */
export function connectionOptions(rawHeaders: readonly string[]): ReadonlySet<string> | undefined {
  let options: Set<string> | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const value = rawHeaders[i + 1] ?? '';
    if (name.length !== 10 || name.toLowerCase() !== 'connection' || /^(keep-alive|close)$/i.test(value))
      continue;
    options ??= new Set();
    for (const option of value.toLowerCase().split(',')) options.add(option.trim());
  }
  for (const option of options ?? []) if (passed.has(option) || proxies.test(option)) options?.delete(option);
  return options;
}

function addPrefixed(metadata: string[], name: string, value: string, stripped: ReadonlySet<string>): void {
  if (passed.has(name) || own.has(name) || name.startsWith('grpc-') || neverPassed.has(name)) return;
  if (proxies.test(name) || stripped.has(name)) return;
  addMetadata(metadata, name, value);
}

/** Adds a header to a call's metadata; what metadata cannot hold is left out, a `-bin` name holds base64. */
export function addMetadata(metadata: string[], name: string, value: string): void {
  if (!/^[0-9a-z_.-]+$/.test(name)) return;
  if (name.endsWith('-bin')) addBinary(metadata, name, value);
  else if (!/^[\x20-\x7e]*$/.test(value)) return;
  // Node itself goes by the first of several authorization headers, so no other one may follow it.
  else if (name !== 'authorization' || !hasPair(metadata, name)) metadata.push(name, value);
}

/** Padding is optional, and a comma separates values (gRPC over HTTP/2, "Custom-Metadata"). */
function addBinary(metadata: string[], name: string, value: string): void {
  for (const part of value.split(',')) {
    const text = part.trim();
    if (/^[A-Za-z0-9+/]*={0,2}$/.test(text))
      metadata.push(name, Buffer.from(text, 'base64').toString('base64'));
  }
}

/**
 * The headers that an upstream's initial metadata becomes, under their own names, as Envoy's transcoder has
 * them (grpc-gateway would prefix them): all but those of the hop, of framing, of gRPC, of CORS and of the
 * edge itself. So `etag`, `cache-control`, `content-disposition`, `location` and cookies are an upstream's
 * to set. Several values stay several headers; a `-bin` value is base64.
 */
export function answerHeaders(
  metadata: Metadata,
  stripped: ReadonlySet<string> = none,
): Readonly<Record<string, string[]>> {
  let known = answered.get(stripped);
  if (known === undefined) answered.set(stripped, (known = new WeakMap()));
  let headers = known.get(metadata);
  if (headers === undefined) known.set(metadata, (headers = toHeaders(metadata, stripped)));
  return headers;
}

/** Upstreams send the same metadata again and again, and the mesh then gives it as one object. */
const answered = new WeakMap<ReadonlySet<string>, WeakMap<Metadata, Record<string, string[]>>>();

function toHeaders(metadata: Metadata, stripped: ReadonlySet<string>): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    if (neverPassed.has(name) || ownAnswers.has(name) || stripped.has(name)) continue;
    if (name.startsWith('grpc-') || name.startsWith(':') || name.startsWith('access-control-')) continue;
    const texts = values.map((value) => (Buffer.isBuffer(value) ? value.toString('base64') : String(value)));
    headers[name] = texts.filter((text) => /^[\t\x20-\x7e\x80-\xff]*$/.test(text));
  }
  return headers;
}

/** The HTTP trailers that an upstream's trailing metadata becomes: as `answerHeaders`, and what must not be late. */
export function answerTrailers(
  metadata: Metadata,
  stripped: ReadonlySet<string> = none,
): Record<string, string[]> {
  const trailers = toHeaders(metadata, stripped);
  for (const name of Object.keys(trailers)) if (neverTrailers.has(name)) delete trailers[name];
  return trailers;
}

/** Whether a header, in lower case, is of one hop alone or about the framing of a message. */
export function isHopByHop(name: string): boolean {
  return neverPassed.has(name);
}

/** Whether a client takes trailers (RFC 9110, 10.1.4). */
export function takesTrailers(te: string | string[] | undefined): boolean {
  return te !== undefined && /(^|,)\s*trailers\s*(;|,|$)/i.test(String(te));
}

/** Reads a name of the list of stripped headers. Throws what is wrong with it. */
export function headerName(text: string): string {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text))
    throw new Error(`has ${text}, which is no name of a header`);
  return text.toLowerCase();
}
