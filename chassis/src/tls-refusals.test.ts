import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { afterAll, expect, test } from '@jest/globals';
import { createLogger } from './logger.ts';
import { createRefusals, refusalReason, refusalsMetric } from './tls-refusals.ts';

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
const provider = new MeterProvider({ readers: [reader] });
metrics.setGlobalMeterProvider(provider);
afterAll(() => provider.shutdown());

test('every refused peer is counted, and logged once for each reason and address', async () => {
  const lines: object[] = [];
  const logger = createLogger({ name: 'test' }, { write: (line) => void lines.push(JSON.parse(line)) });
  const refused = createRefusals(logger);
  for (let attempt = 0; attempt < 50; attempt += 1) {
    refused({ side: 'server', reason: 'expired', peer: '10.0.0.1', detail: 'CERT_HAS_EXPIRED' });
    refused({ side: 'server', reason: 'authority', peer: '10.0.0.2', detail: 'unknown' });
  }
  await provider.forceFlush();
  const [metric] = exporter.getMetrics()[0]?.scopeMetrics[0]?.metrics ?? [];
  expect(metric?.descriptor.name).toBe(refusalsMetric);
  expect(metric?.dataPoints.map(({ value, attributes }) => [value, attributes])).toEqual([
    [50, { side: 'server', reason: 'expired' }],
    [50, { side: 'server', reason: 'authority' }],
  ]);
  expect(lines).toMatchObject([
    { level: 'warn', reason: 'expired', peer: '10.0.0.1' },
    { level: 'warn', reason: 'authority', peer: '10.0.0.2' },
  ]);
});

test('an error that says nothing about a certificate is no refusal', () => {
  expect(refusalReason('ECONNREFUSED')).toBeUndefined();
  expect(refusalReason(undefined)).toBeUndefined();
});
