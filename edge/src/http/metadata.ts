import { Metadata } from '@grpc/grpc-js';

const prefix = 'grpc-metadata-';
/** Headers that go upstream under their own name, beside `x-*`. */
const passed = new Set(['authorization', 'traceparent', 'tracestate', 'baggage', 'accept-language']);
/** `x-*` headers that are for the edge itself. */
const own = new Set(['x-request-id', 'x-server-timeout']);

/**
 * The metadata of a request: `authorization`, the trace context, `x-*`, and what has the prefix
 * `Grpc-Metadata-`, which is taken off. The prefix cannot set what has another way in. Values that
 * metadata cannot hold are left out; a name in `-bin` holds base64.
 */
export function requestMetadata(rawHeaders: readonly string[], requestId: string): Metadata {
  const metadata = new Metadata();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const header = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    if (passed.has(header) || (header.startsWith('x-') && !own.has(header))) add(metadata, header, value);
    else if (header.startsWith(prefix)) addPrefixed(metadata, header.slice(prefix.length), value);
  }
  metadata.set('x-request-id', requestId);
  return metadata;
}

function addPrefixed(metadata: Metadata, name: string, value: string): void {
  if (passed.has(name) || own.has(name) || name.startsWith('grpc-') || neverPassed.has(name)) return;
  add(metadata, name, value);
}

function add(metadata: Metadata, name: string, value: string): void {
  if (!/^[0-9a-z_.-]+$/.test(name)) return;
  if (name.endsWith('-bin')) metadata.add(name, Buffer.from(value, 'base64'));
  // Node itself goes by the first of several authorization headers, so no other one may follow it.
  else if (name === 'authorization') metadata.set(name, metadata.get(name)[0] ?? value);
  else if (/^[\x20-\x7e]*$/.test(value)) metadata.add(name, value);
}

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

/**
 * The headers that an upstream's initial metadata becomes: all but those of the hop, of gRPC and of
 * the edge itself. Several values stay several headers.
 */
export function answerHeaders(metadata: Metadata): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    if (neverPassed.has(name) || ownAnswers.has(name) || name.startsWith('grpc-') || name.startsWith(':'))
      continue;
    if (name.startsWith('access-control-')) continue;
    headers[name] = values.map((value) =>
      Buffer.isBuffer(value) ? value.toString('base64') : String(value),
    );
  }
  return headers;
}
