import { randomBytes } from 'node:crypto';
import {
  context,
  isSpanContextValid,
  trace,
  TraceFlags,
  type Context,
  type Span,
  type SpanContext,
  type SpanOptions,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';

/**
 * Traces of a process that records none: there is an id for the logs and the next hop, and no more. A
 * span carries its parent's context on as it is, flags and all, so that what the next hop records hangs on
 * a span that exists (OpenTelemetry's API without an SDK does the same); where there is no parent it
 * begins a trace that is not sampled. The SDK's tracer costs ten times as much to drop a span.
 */
export function propagationTracerProvider(): TracerProvider & { shutdown(): Promise<void> } {
  const tracer = new PropagationTracer();
  return { getTracer: () => tracer, shutdown: () => Promise.resolve() };
}

/**
 * Traces of a process that records some: the decision falls where a trace begins, for a share of `ratio` (0 to 1),
 * and whoever continues one does as its `traceparent` says. What is recorded goes to `recorder`, whose sampler
 * has nothing left to decide; the others cost as little as in a process that records none.
 *
 * @param random Yields 0 (inclusive) to 1 (exclusive).
 */
export function headSampledTracerProvider(
  recorder: TracerProvider & { shutdown(): Promise<void> },
  ratio: number,
  random: () => number = Math.random,
): TracerProvider & { shutdown(): Promise<void> } {
  return {
    getTracer: (name, version, options) =>
      new HeadSampledTracer(recorder.getTracer(name, version, options), () => random() < ratio),
    shutdown: () => recorder.shutdown(),
  };
}

class PropagationTracer implements Tracer {
  startSpan(_name: string, options?: SpanOptions, from: Context = context.active()): Span {
    const parent = options?.root === true ? undefined : trace.getSpanContext(from);
    const known = parent !== undefined && isSpanContextValid(parent);
    return trace.wrapSpanContext(known ? parent : newTrace());
  }

  startActiveSpan<F extends (span: Span) => ReturnType<F>>(
    name: string,
    ...rest: [F] | [SpanOptions, F] | [SpanOptions, Context, F]
  ): ReturnType<F> {
    const run = rest.at(-1) as F;
    const [options, from = context.active()] = rest.slice(0, -1) as [SpanOptions?, Context?];
    const span = this.startSpan(name, options, from);
    return context.with(trace.setSpan(from, span), run, undefined, span);
  }
}

const idDigits = 48;
let digits = '';
let used = 0;

class HeadSampledTracer extends PropagationTracer {
  readonly #recorder: Tracer;
  readonly #begins: () => boolean;

  constructor(recorder: Tracer, begins: () => boolean) {
    super();
    this.#recorder = recorder;
    this.#begins = begins;
  }

  override startSpan(name: string, options?: SpanOptions, from: Context = context.active()): Span {
    const parent = options?.root === true ? undefined : trace.getSpanContext(from);
    const known = parent !== undefined && isSpanContextValid(parent);
    const sampled = known ? (parent.traceFlags & TraceFlags.SAMPLED) !== 0 : this.#begins();
    return sampled ? this.#recorder.startSpan(name, options, from) : super.startSpan(name, options, from);
  }
}

/** Random ids (W3C Trace Context), of bytes that are drawn for 100 at a time. None will ever be all zero, which would be no id. */
function newTrace(): SpanContext {
  if (used === digits.length) {
    digits = randomBytes((100 * idDigits) / 2).toString('hex');
    used = 0;
  }
  const traceId = digits.slice(used, used + 32);
  const spanId = digits.slice(used + 32, used + idDigits);
  used += idDigits;
  return { traceId, spanId, traceFlags: TraceFlags.NONE };
}
