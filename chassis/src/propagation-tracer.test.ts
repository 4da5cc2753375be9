import { isSpanContextValid, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { expect, test } from '@jest/globals';
import { propagationTracerProvider } from './propagation-tracer.ts';

const tracer = propagationTracerProvider().getTracer('test');

test('a span without a parent begins a trace of its own, not sampled', () => {
  const [one, two] = [tracer.startSpan('a', {}, ROOT_CONTEXT), tracer.startSpan('b', {}, ROOT_CONTEXT)];
  expect(isSpanContextValid(one.spanContext())).toBe(true);
  expect(one.spanContext().traceFlags).toBe(TraceFlags.NONE);
  expect(one.isRecording()).toBe(false);
  expect(one.spanContext().traceId).not.toBe(two.spanContext().traceId);
});

test('a span with a parent carries its context on, sampled or not', () => {
  const parent = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: TraceFlags.SAMPLED,
  };
  const from = trace.setSpanContext(ROOT_CONTEXT, parent);
  expect(tracer.startSpan('a', {}, from).spanContext()).toEqual(parent);
  expect(tracer.startSpan('a', { root: true }, from).spanContext().traceId).not.toBe(parent.traceId);
  expect(tracer.startActiveSpan('a', {}, from, (span) => span.spanContext())).toEqual(parent);
});

test('a parent without an id counts as none', () => {
  const none = { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: TraceFlags.SAMPLED };
  const span = tracer.startSpan('a', {}, trace.setSpanContext(ROOT_CONTEXT, none));
  expect(isSpanContextValid(span.spanContext())).toBe(true);
});
