import type { IncomingMessage } from 'node:http';
import {
  context,
  metrics,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
} from '@opentelemetry/api';

const scope = '@weft/edge';
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

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
  return (request) => {
    const startedAt = performance.now();
    const method = methods.has(request.method ?? '') ? (request.method ?? '') : '_OTHER';
    const labels = { 'http.request.method': method };
    const parent = propagation.extract(context.active(), request.headers);
    const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes: labels }, parent);
    return {
      context: trace.setSpan(parent, span),
      ended: ({ route, rpc, status }) => {
        const attributes = {
          ...labels,
          'http.response.status_code': status,
          ...(route === undefined ? {} : { 'http.route': route }),
          ...(rpc === undefined ? {} : { 'rpc.method': rpc }),
        };
        duration.record((performance.now() - startedAt) / 1000, attributes);
        if (span.isRecording()) {
          span.setAttributes(attributes);
          if (route !== undefined) span.updateName(`${method} ${route}`);
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        }
        span.end();
      },
    };
  };
}
