import { context, diag, DiagLogLevel, metrics, propagation, trace } from '@opentelemetry/api';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { env, type ConfigOf } from './config.ts';
import type { Logger } from './logger.ts';
import { observeProcess } from './process-metrics.ts';
import { headSampledTracerProvider, propagationTracerProvider } from './propagation-tracer.ts';
import {
  AsyncLocalStorageContextManager,
  BatchSpanProcessor,
  MeterProvider,
  otlpTraceExporter,
  PrometheusExporter,
  resourceFromAttributes,
  TracerProvider,
  W3CTraceContextPropagator,
  type Resource,
} from './telemetry-sdk.ts';

/** OpenTelemetry's own variables. Other OTEL_EXPORTER_OTLP_* are read by the exporter itself. */
export const telemetrySchema = {
  otlpEndpoint: env.url('OTEL_EXPORTER_OTLP_ENDPOINT', {
    protocols: ['http:', 'https:'],
    optional: true,
    about: 'where traces are sent; none are without it',
  }),
  samplerArg: env.number('OTEL_TRACES_SAMPLER_ARG', {
    min: 0,
    max: 1,
    default: 1,
    about: 'the share of the traces begun here that are recorded',
  }),
  spanDelayMs: env.integer('OTEL_BSP_SCHEDULE_DELAY', {
    min: 1,
    max: 60_000,
    default: 5_000,
    about: 'spans are sent after so many milliseconds, or once there are 512',
  }),
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
export function startTelemetry(
  name: string,
  instanceId: string,
  config: ConfigOf<typeof telemetrySchema>,
  logger: Logger,
): Telemetry {
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
  { otlpEndpoint, samplerArg, spanDelayMs }: ConfigOf<typeof telemetrySchema>,
): ReturnType<typeof propagationTracerProvider> {
  if (otlpEndpoint === undefined) return propagationTracerProvider();
  const processor = new BatchSpanProcessor({
    exporter: otlpTraceExporter(),
    scheduledDelayMillis: spanDelayMs,
  });
  return headSampledTracerProvider(new TracerProvider({ resource, spanProcessors: [processor] }), samplerArg);
}
