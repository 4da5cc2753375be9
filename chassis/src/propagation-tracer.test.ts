import { isSpanContextValid, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { expect, test } from '@jest/globals';
import { TracerProvider } from './telemetry-sdk.ts';
import { headSampledTracerProvider, propagationTracerProvider } from './propagation-tracer.ts';

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

test('of the traces that begin here a share is recorded; one that is continued is as its beginning says', async () => {
  const recorder = new TracerProvider();
  const of = (random: number) => headSampledTracerProvider(recorder, 0.25, () => random).getTracer('test');
  expect(of(0.24).startSpan('a', {}, ROOT_CONTEXT).isRecording()).toBe(true);
  expect(of(0.25).startSpan('a', {}, ROOT_CONTEXT).isRecording()).toBe(false);
  const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
  const from = (traceFlags: TraceFlags) => trace.setSpanContext(ROOT_CONTEXT, { ...parent, traceFlags });
  const continued = of(0.9).startSpan('a', {}, from(TraceFlags.SAMPLED));
  expect(continued.isRecording()).toBe(true);
  expect(continued.spanContext().traceId).toBe(parent.traceId);
  expect(of(0).startSpan('a', {}, from(TraceFlags.NONE)).isRecording()).toBe(false);
  // A root of its own is a beginning, whatever it is made within.
  expect(of(0).startSpan('a', { root: true }, from(TraceFlags.NONE)).isRecording()).toBe(true);
  expect(of(0.9).startSpan('a', { root: true }, from(TraceFlags.SAMPLED)).isRecording()).toBe(false);
  await recorder.shutdown();
});
