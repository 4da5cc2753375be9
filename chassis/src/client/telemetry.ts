import {
  context,
  isSpanContextValid,
  metrics,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Histogram,
  type Span,
} from '@opentelemetry/api';
import type { CodeName } from '../errors.ts';
import {
  clientDurationMetric,
  clientDuration,
  clientAttributes,
  statusCodeAttribute,
} from '../rpc-attributes.ts';
import { pairsSetter } from './metadata-pairs.ts';

const scope = '@weft/chassis';

/** One call, all its attempts together. */
export class ObservedCall {
  readonly #path: string;
  readonly #workload: string;
  readonly #parent: Context;
  readonly #span: Span;
  readonly #duration: Histogram;
  readonly #startedAt = performance.now();

  constructor(path: string, workload: string, parent: Context, span: Span, duration: Histogram) {
    this.#path = path;
    this.#workload = workload;
    this.#parent = parent;
    this.#span = span;
    this.#duration = duration;
  }

  /** Writes the trace context (W3C) for the next hop. */
  inject(metadata: string[]): void {
    const spanContext = this.#span.spanContext();
    // Where nothing is recorded the span is its parent again, and without tracing there is none: no reason to
    // pay for a context of its own.
    const known = spanContext === trace.getSpanContext(this.#parent) || !isSpanContextValid(spanContext);
    propagation.inject(known ? this.#parent : trace.setSpan(this.#parent, this.#span), metadata, pairsSetter);
  }

  retried(code: CodeName): void {
    if (this.#span.isRecording()) this.#span.addEvent('retry', { [statusCodeAttribute]: code });
  }

  hedged(): void {
    if (this.#span.isRecording()) this.#span.addEvent('hedge');
  }

  hedgeWon(): void {
    if (this.#span.isRecording()) this.#span.addEvent('hedge won');
  }

  ended(code: CodeName | 'OK'): void {
    this.#duration.record(
      (performance.now() - this.#startedAt) / 1000,
      clientAttributes(this.#path, this.#workload, code),
    );
    if (this.#span.isRecording()) {
      this.#span.setAttributes(clientAttributes(this.#path, this.#workload, code));
      if (code !== 'OK') this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end();
  }
}

/** A client span and the duration of every call. `workloadOf`: who serves a method. */
export function createCallObserver(
  workloadOf: (path: string) => string,
): (path: string, parent?: Context) => ObservedCall {
  const tracer = trace.getTracer(scope);
  const duration = metrics.getMeter(scope).createHistogram(clientDurationMetric, clientDuration);
  return (path, parent = context.active()) => {
    const workload = workloadOf(path);
    const attributes = clientAttributes(path, workload);
    const span = tracer.startSpan(path.slice(1), { kind: SpanKind.CLIENT, attributes }, parent);
    return new ObservedCall(path, workload, parent, span, duration);
  };
}
