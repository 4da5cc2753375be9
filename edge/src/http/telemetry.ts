import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import {
  context,
  metrics,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
} from '@opentelemetry/api';
import type { CodeName } from '@weft/chassis/errors';
import { isServerFault } from '@weft/chassis/server/server-faults';

const scope = '@weft/edge';
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** What is said of a request once it is answered. */
export interface Outcome {
  /** The route's template; undefined when there is none. */
  readonly route: string | undefined;
  /** `pkg.Service/Method`; undefined as above. */
  readonly rpc: string | undefined;
  readonly status: number;
  /** How the call ended: over the RPC protocols the status is 200 however that was. */
  readonly code: CodeName | 'OK';
}

export interface ObservedRequest {
  /** Where calls made for this request belong. */
  readonly context: Context;
  /** Answers how long it took, milliseconds. */
  ended(outcome: Outcome): number;
}

/**
 * A server span (continuing the client's traceparent), the duration of every request, and the number
 * in flight, under OpenTelemetry's names for HTTP servers. An unknown HTTP method counts as `_OTHER`.
 */
export function createRequestObserver(inFlight: () => number): (request: IncomingMessage) => ObservedRequest {
  const tracer = trace.getTracer(scope);
  const meter = metrics.getMeter(scope);
  const duration = meter.createHistogram('http.server.request.duration', {
    description: 'Duration of HTTP server requests',
    unit: 's',
    advice: {
      explicitBucketBoundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    },
  });
  meter
    .createObservableUpDownCounter('http.server.active_requests', {
      unit: '{request}',
      description: 'HTTP server requests in flight',
    })
    .addCallback((result) => result.observe(inFlight()));
  const plain = methodsOf('http');
  const secure = methodsOf('https');
  return (request) => {
    const startedAt = performance.now();
    const known = (request.socket as Partial<TLSSocket>).encrypted === true ? secure : plain;
    const method = known.of(request.method ?? '');
    const parent = propagation.extract(context.active(), request.headers);
    const span = tracer.startSpan(method.name, method.spanOptions, parent);
    return {
      // Where nothing is recorded and the client has a trace, the span is that of the client again.
      context: span.spanContext() === trace.getSpanContext(parent) ? parent : trace.setSpan(parent, span),
      ended: (outcome) => {
        const attributes = attributesOf(method, outcome);
        const ms = performance.now() - startedAt;
        duration.record(ms / 1000, attributes);
        if (span.isRecording()) describe(span, request, method.name, outcome, attributes);
        span.end();
        return ms;
      },
    };
  };
}

/** No query, no address, no user agent: what a client says of itself stays out of traces. */
function describe(
  span: Span,
  { url = '', httpVersionMajor, httpVersion }: IncomingMessage,
  method: string,
  { route }: Outcome,
  attributes: Attributes,
): void {
  span.setAttributes(attributes);
  span.setAttributes({
    'url.path': url.replace(/[?#].*/s, ''),
    'network.protocol.version': httpVersionMajor === 2 ? '2' : httpVersion,
  });
  if (route !== undefined) span.updateName(`${method} ${route}`);
  if (attributes['error.type'] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
}

/** What requests with one HTTP method and scheme share. */
interface Method {
  readonly name: string;
  readonly scheme: string;
  readonly spanOptions: { readonly kind: SpanKind; readonly attributes: Attributes };
  /** By route, RPC, status and code. */
  readonly attributes: Map<string | undefined, Map<string | undefined, Map<string, Attributes>>>;
}

function methodsOf(scheme: string): { of(name: string): Method } {
  const known = new Map(methods.map((name) => [name, newMethod(name, scheme)]));
  const other = newMethod('_OTHER', scheme);
  return { of: (name) => known.get(name) ?? other };
}

function newMethod(name: string, scheme: string): Method {
  const attributes = { 'http.request.method': name, 'url.scheme': scheme };
  return { name, scheme, spanOptions: { kind: SpanKind.SERVER, attributes }, attributes: new Map() };
}

/** One object for each outcome that there can be: as many as the metric has series. */
function attributesOf({ name, scheme, attributes: known }: Method, outcome: Outcome): Attributes {
  const { route, rpc, status, code } = outcome;
  let byRpc = known.get(route);
  if (byRpc === undefined) known.set(route, (byRpc = new Map()));
  let byOutcome = byRpc.get(rpc);
  if (byOutcome === undefined) byRpc.set(rpc, (byOutcome = new Map()));
  const key = `${status} ${code}`;
  let attributes = byOutcome.get(key);
  if (attributes === undefined) {
    const error = errorType(outcome);
    attributes = {
      'http.request.method': name,
      'url.scheme': scheme,
      'http.response.status_code': status,
      ...(route === undefined ? {} : { 'http.route': route }),
      ...(rpc === undefined ? {} : { 'rpc.method': rpc, 'rpc.status_code': code }),
      ...(error === undefined ? {} : { 'error.type': error }),
    };
    byOutcome.set(key, attributes);
  }
  return attributes;
}

/** What the edge or those behind it failed: a status of 500 and up, or its like in an answer with 200. */
function errorType({ status, code }: Outcome): string | undefined {
  if (status >= 500) return String(status);
  return status < 300 && code !== 'OK' && isServerFault(code) ? code : undefined;
}
