import type * as Hooks from '@opentelemetry/context-async-hooks';
import type * as Core from '@opentelemetry/core';
import type * as Prometheus from '@opentelemetry/exporter-prometheus';
import type * as Otlp from '@opentelemetry/exporter-trace-otlp-proto';
import type * as Resources from '@opentelemetry/resources';
import type * as Metrics from '@opentelemetry/sdk-metrics';
import type * as Traces from '@opentelemetry/sdk-trace';
import { createRequire } from 'node:module';

// The SDK, loaded as CommonJS: an ES import of node:http, as its exporter has it, touches the getters of
// WebSocket and so loads undici, 13 MB that stay resident in every process.
const require = createRequire(import.meta.url);

export const { AsyncLocalStorageContextManager } =
  require('@opentelemetry/context-async-hooks') as typeof Hooks;
export const { W3CTraceContextPropagator } = require('@opentelemetry/core') as typeof Core;
export const { PrometheusExporter } = require('@opentelemetry/exporter-prometheus') as typeof Prometheus;
export const { resourceFromAttributes } = require('@opentelemetry/resources') as typeof Resources;
export const { MeterProvider } = require('@opentelemetry/sdk-metrics') as typeof Metrics;
export const { BatchSpanProcessor, TracerProvider } = require('@opentelemetry/sdk-trace') as typeof Traces;

/** The exporter of traces; loaded only where it is used. */
export function otlpTraceExporter(): Traces.SpanExporter {
  const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto') as typeof Otlp;
  return new OTLPTraceExporter();
}

export type Resource = Resources.Resource;
