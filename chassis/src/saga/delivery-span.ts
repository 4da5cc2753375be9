import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
} from '@opentelemetry/api';
import { bytesToUuid } from '../data/uuid.ts';
import type { OutboxRow } from './outbox.ts';

const tracer = trace.getTracer('@weft/chassis');
const lateMs = 5_000;

/**
 * Runs a delivery in its span. Sent soon after it was queued it belongs to that trace; later than 5 s, or
 * again by a person, it is a trace of its own with a link to that one. The saga's id is on all of them.
 */
export async function inDeliverySpan(row: OutboxRow, deliver: () => Promise<void>): Promise<void> {
  const late = row.ageMs > lateMs || row.state === 'parked' || row.redriven === true;
  const queued = row.context ?? extract(row);
  const origin = trace.getSpanContext(queued);
  const span = tracer.startSpan(
    'saga.deliver',
    {
      kind: SpanKind.INTERNAL,
      root: late,
      links: late && origin !== undefined ? [{ context: origin }] : [],
      attributes: {
        'weft.saga.id': bytesToUuid(row.sagaId),
        'weft.saga.method': row.method.slice(1),
        'weft.saga.attempt': row.attempts + 1,
      },
    },
    late ? ROOT_CONTEXT : queued,
  );
  try {
    await context.with(trace.setSpan(late ? ROOT_CONTEXT : queued, span), deliver);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

function extract({ traceparent, tracestate }: OutboxRow): Context {
  return traceparent === '' ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent, tracestate });
}
