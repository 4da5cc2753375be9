import type { IncomingMessage } from 'node:http';
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

const scope = '@weft/edge';
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** What is said of a request once it is answered. */
export interface Outcome {
  /** The route's template; undefined when there is none. */
  readonly route: string | undefined;
  /** `pkg.Service/Method`; undefined as above. */
  readonly rpc: string | undefined;
  readonly status: number;
}

export interface ObservedRequest {
  /** Where calls made for this request belong. */
  readonly context: Context;
  ended(outcome: Outcome): void;
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
      description: 'HTTP server requests in flight',
    })
    .addCallback((result) => result.observe(inFlight()));
  const known = new Map(methods.map((method) => [method, newMethod(method)]));
  const other = newMethod('_OTHER');
  return (request) => {
    const startedAt = performance.now();
    const method = known.get(request.method ?? '') ?? other;
    const parent = propagation.extract(context.active(), request.headers);
    const span = tracer.startSpan(method.name, method.spanOptions, parent);
    return {
      // Where nothing is recorded and the client has a trace, the span is that of the client again.
      context: span.spanContext() === trace.getSpanContext(parent) ? parent : trace.setSpan(parent, span),
      ended: (outcome) => {
        const attributes = attributesOf(method, outcome);
        duration.record((performance.now() - startedAt) / 1000, attributes);
        if (span.isRecording()) describe(span, method.name, outcome, attributes);
        span.end();
      },
    };
  };
}

function describe(span: Span, method: string, { route, status }: Outcome, attributes: Attributes): void {
  span.setAttributes(attributes);
  if (route !== undefined) span.updateName(`${method} ${route}`);
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
}

/** What requests with one HTTP method share. */
interface Method {
  readonly name: string;
  readonly spanOptions: { readonly kind: SpanKind; readonly attributes: Attributes };
  /** By route, RPC and status. */
  readonly attributes: Map<string | undefined, Map<string | undefined, Map<number, Attributes>>>;
}

function newMethod(name: string): Method {
  const attributes = { 'http.request.method': name };
  return { name, spanOptions: { kind: SpanKind.SERVER, attributes }, attributes: new Map() };
}

/** One object for each outcome that there can be: as many as the metric has series. */
function attributesOf({ name, attributes: known }: Method, { route, rpc, status }: Outcome): Attributes {
  let byRpc = known.get(route);
  if (byRpc === undefined) known.set(route, (byRpc = new Map()));
  let byStatus = byRpc.get(rpc);
  if (byStatus === undefined) byRpc.set(rpc, (byStatus = new Map()));
  let attributes = byStatus.get(status);
  if (attributes === undefined) {
    attributes = {
      'http.request.method': name,
      'http.response.status_code': status,
      ...(route === undefined ? {} : { 'http.route': route }),
      ...(rpc === undefined ? {} : { 'rpc.method': rpc }),
    };
    byStatus.set(status, attributes);
  }
  return attributes;
}
