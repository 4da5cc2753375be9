import type { Metadata } from '@grpc/grpc-js';
import {
  context,
  isSpanContextValid,
  metrics,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Histogram,
  type Span,
} from '@opentelemetry/api';
import type { CodeName } from '../errors.ts';
import { metadataSetter } from '../metadata-carrier.ts';
import {
  clientDurationMetric,
  durationAdvice,
  rpcAttributes,
  statusCodeAttribute,
} from '../rpc-attributes.ts';

const scope = '@weft/chassis';

/** One call, all its attempts together. */
export class ObservedCall {
  readonly #path: string;
  readonly #span: Span;
  readonly #duration: Histogram;
  readonly #startedAt = performance.now();

  constructor(path: string, span: Span, duration: Histogram) {
    this.#path = path;
    this.#span = span;
    this.#duration = duration;
  }

  /** Writes the trace context (W3C) for the next hop. */
  inject(metadata: Metadata): void {
    const current = context.active();
    // Without tracing there is no span to pass on, and no reason to pay for a context of its own.
    const active = isSpanContextValid(this.#span.spanContext())
      ? trace.setSpan(current, this.#span)
      : current;
    propagation.inject(active, metadata, metadataSetter);
  }

  retried(code: CodeName): void {
    if (this.#span.isRecording()) this.#span.addEvent('retry', { [statusCodeAttribute]: code });
  }

  ended(code: CodeName | 'OK'): void {
    this.#duration.record((performance.now() - this.#startedAt) / 1000, rpcAttributes(this.#path, code));
    if (this.#span.isRecording()) {
      this.#span.setAttribute(statusCodeAttribute, code);
      if (code !== 'OK') this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end();
  }
}

/** A client span and the duration of every call. */
export function createCallObserver(): (path: string) => ObservedCall {
  const tracer = trace.getTracer(scope);
  const duration = metrics.getMeter(scope).createHistogram(clientDurationMetric, durationAdvice);
  return (path) => {
    const attributes = rpcAttributes(path);
    const span = tracer.startSpan(path.slice(1), { kind: SpanKind.CLIENT, attributes });
    return new ObservedCall(path, span, duration);
  };
}
