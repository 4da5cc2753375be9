import type { Metadata } from '@grpc/grpc-js';
import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
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
export interface ObservedCall {
  /** Writes the trace context (W3C) for the next hop. */
  inject(metadata: Metadata): void;
  retried(code: CodeName): void;
  ended(code: CodeName | 'OK'): void;
}

/** A client span and the duration of every call. */
export function createCallObserver(): (path: string) => ObservedCall {
  const tracer = trace.getTracer(scope);
  const duration = metrics.getMeter(scope).createHistogram(clientDurationMetric, durationAdvice);
  return (path) => {
    const startedAt = performance.now();
    const span = tracer.startSpan(path.slice(1), {
      kind: SpanKind.CLIENT,
      attributes: rpcAttributes(path),
    });
    const active = trace.setSpan(context.active(), span);
    return {
      inject: (metadata) => propagation.inject(active, metadata, metadataSetter),
      retried: (code) => {
        if (span.isRecording()) span.addEvent('retry', { [statusCodeAttribute]: code });
      },
      ended: (code) => {
        duration.record((performance.now() - startedAt) / 1000, rpcAttributes(path, code));
        if (span.isRecording()) {
          span.setAttribute(statusCodeAttribute, code);
          if (code !== 'OK') span.setStatus({ code: SpanStatusCode.ERROR });
        }
        span.end();
      },
    };
  };
}
