import { context, diag, DiagLogLevel, metrics, propagation, trace } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { SpanProcessor, TracerProvider as Traces } from '@opentelemetry/sdk-trace';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { env, type ConfigOf } from './config.ts';
import type { Logger } from './logger.ts';
import { observeProcess } from './process-metrics.ts';

// The SDK is loaded as CommonJS: an ES import of node:http, as its exporter has it, touches the getters of
// WebSocket and so loads undici, 13 MB that stay resident; and two copies of the SDK would be two more.
const require = createRequire(import.meta.url);
const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks') as Hooks;
const { W3CTraceContextPropagator } = require('@opentelemetry/core') as Core;
const { PrometheusExporter } = require('@opentelemetry/exporter-prometheus') as Prometheus;
const { resourceFromAttributes } = require('@opentelemetry/resources') as Resources;
const { MeterProvider } = require('@opentelemetry/sdk-metrics') as Metrics;
const sdkTrace = require('@opentelemetry/sdk-trace') as SdkTrace;
const { AlwaysOffSampler, BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } =
  sdkTrace;

type Hooks = typeof import('@opentelemetry/context-async-hooks');
type Core = typeof import('@opentelemetry/core');
type Prometheus = typeof import('@opentelemetry/exporter-prometheus');
type Resources = typeof import('@opentelemetry/resources');
type Metrics = typeof import('@opentelemetry/sdk-metrics');
type Otlp = typeof import('@opentelemetry/exporter-trace-otlp-proto');
type SdkTrace = typeof import('@opentelemetry/sdk-trace');

/** OpenTelemetry's own variables. Other OTEL_EXPORTER_OTLP_* are read by the exporter itself. */
export const telemetrySchema = {
  otlpEndpoint: env.url('OTEL_EXPORTER_OTLP_ENDPOINT', { protocols: ['http:', 'https:'], optional: true }),
  /** Share of the traces begun here that are recorded. */
  samplerArg: env.number('OTEL_TRACES_SAMPLER_ARG', { min: 0, max: 1, default: 1 }),
} as const;

export interface Telemetry {
  /** Answers in Prometheus's text format. */
  readonly metrics: (request: IncomingMessage, response: ServerResponse) => void;
  /** Sends what was recorded, for at most 2 s. Never rejects. */
  shutdown(): Promise<void>;
}

/**
 * Sets up the OpenTelemetry SDK; all other code knows its API alone. Call it first: instruments made
 * before would be deaf. Traces always have ids, for the logs and the next hop (W3C Trace Context); they
 * are recorded and exported only with OTEL_EXPORTER_OTLP_ENDPOINT, whose exporter is loaded then.
 */
export async function startTelemetry(
  name: string,
  instanceId: string,
  config: ConfigOf<typeof telemetrySchema>,
  logger: Logger,
): Promise<Telemetry> {
  diag.setLogger(
    {
      error: (message) => logger.error({ message }, 'telemetry'),
      warn: (message) => logger.warn({ message }, 'telemetry'),
      info: () => undefined,
      debug: () => undefined,
      verbose: () => undefined,
    },
    DiagLogLevel.WARN,
  );
  const resource = resourceFromAttributes({
    'service.name': name,
    'service.instance.id': instanceId,
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const traces = tracerProvider(resource, config);
  trace.setGlobalTracerProvider(traces);
  const exporter = new PrometheusExporter({ preventServerStart: true });
  metrics.setGlobalMeterProvider(new MeterProvider({ resource, readers: [exporter] }));
  observeProcess();
  return {
    metrics: (request, response) => exporter.getMetricsRequestHandler(request, response),
    async shutdown() {
      const limit = new Promise<void>((resolve) => setTimeout(resolve, 2_000).unref());
      const flushed = traces
        .shutdown()
        .catch((error: unknown) => logger.warn({ err: error }, 'traces were lost'));
      await Promise.race([flushed, limit]);
    },
  };
}

function tracerProvider(
  resource: Resource,
  { otlpEndpoint, samplerArg }: ConfigOf<typeof telemetrySchema>,
): Traces {
  if (otlpEndpoint === undefined) {
    const sampler = new ParentBasedSampler({ root: new AlwaysOffSampler() });
    return new TracerProvider({ resource, sampler });
  }
  // Loaded only where it is used.
  const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto') as Otlp;
  const processor: SpanProcessor = new BatchSpanProcessor({ exporter: new OTLPTraceExporter() });
  const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(samplerArg) });
  return new TracerProvider({ resource, sampler, spanProcessors: [processor] });
}
