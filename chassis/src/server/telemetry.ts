import {
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { errorForLog } from '../error-log.ts';
import { metadataGetter } from '../metadata-carrier.ts';
import { serverDuration, serverAttributes, serverDurationMetric } from '../rpc-attributes.ts';
import type { Interceptor } from './chain.ts';
import { isServerFault } from './server-faults.ts';

const scope = '@weft/chassis';

/** A server span, child of the caller's (W3C Trace Context), and the duration of every call. */
export function telemetry(): Interceptor {
  const tracer = trace.getTracer(scope);
  const duration = metrics.getMeter(scope).createHistogram(serverDurationMetric, serverDuration);
  return async (call, next) => {
    const parent = propagation.extract(ROOT_CONTEXT, call.metadata, metadataGetter);
    const span = tracer.startSpan(
      call.path.slice(1),
      { kind: SpanKind.SERVER, attributes: serverAttributes(call.path) },
      parent,
    );
    try {
      await context.with(trace.setSpan(parent, span), next, undefined, call);
    } finally {
      const code = call.failure?.code ?? 'OK';
      duration.record((performance.now() - call.arrivedAt) / 1000, serverAttributes(call.path, code));
      if (span.isRecording()) {
        span.setAttributes(serverAttributes(call.path, code));
        if (call.failure !== undefined && isServerFault(call.failure.code))
          span.setStatus({ code: SpanStatusCode.ERROR, message: call.failure.reason });
        if (call.cause !== undefined) span.recordException(exceptionOf(call.cause));
      }
      span.end();
    }
  };
}

/** As the log has it, where no value of a statement is. */
function exceptionOf(cause: unknown): { name: string; message: string; stack: string } {
  const { type: name, message, stack } = errorForLog(cause);
  return { name, message, stack };
}
