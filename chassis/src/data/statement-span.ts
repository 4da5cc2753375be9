import { metrics, SpanKind, SpanStatusCode, trace, type Attributes } from '@opentelemetry/api';
import type { ServiceError } from '../errors.ts';
import { querySummary, verbOf } from './query-summary.ts';
import type { Statement } from './statement.ts';

const tracer = trace.getTracer('@weft/chassis');

/** Attributes of every span and point about one database (OpenTelemetry's stable database conventions). */
export function databaseAttributes(url: URL): Attributes {
  return {
    'db.system.name': 'mysql',
    'db.namespace': url.pathname.slice(1),
    'server.address': url.hostname,
    'server.port': Number(url.port || 3306),
  };
}

/**
 * Runs one round trip's statements in a span of their own, and records its duration. The span has the SQL, never its
 * values. Outside of a recorded trace there is no span: a
 * poll would fill the store with traces of one span.
 */
export async function inStatementSpan<T>(
  attributes: Attributes,
  statements: readonly Statement[],
  run: () => Promise<T>,
): Promise<T> {
  const operation = operationName(statements);
  const started = performance.now();
  const traced = trace.getActiveSpan()?.isRecording() === true;
  const span = traced ? startStatement(attributes, operation, statements) : undefined;
  let failure: Attributes = {};
  try {
    return await run();
  } catch (error) {
    failure = errorAttributes(error);
    span?.setAttributes(failure).setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span?.end();
    durations().record((performance.now() - started) / 1000, {
      ...attributes,
      'db.operation.name': operation,
      ...failure,
    });
  }
}

function startStatement(attributes: Attributes, operation: string, statements: readonly Statement[]) {
  const summary = summaryOf(statements);
  return tracer.startSpan(summary, {
    kind: SpanKind.CLIENT,
    attributes: {
      ...attributes,
      'db.operation.name': operation,
      'db.query.summary': summary,
      'db.query.text': statements.map(({ sql }) => sql).join('; '),
      ...(statements.length > 1 ? { 'db.operation.batch.size': statements.length } : {}),
    },
  });
}

/** Runs a transaction in a span, the parent of its statements' spans. */
export async function inTransactionSpan<T>(
  attributes: Attributes,
  run: (runs: (count: number) => void) => Promise<T>,
): Promise<T> {
  if (trace.getActiveSpan()?.isRecording() !== true) return run(() => {});
  return tracer.startActiveSpan('transaction', { attributes }, async (span) => {
    try {
      return await run((count) => span.setAttribute('weft.transaction.runs', count));
    } catch (error) {
      span.setAttributes(errorAttributes(error)).setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

let histogram: ReturnType<typeof makeHistogram> | undefined;

/** Made at first use, after the process has set its meter provider. */
function durations() {
  return (histogram ??= makeHistogram());
}

function makeHistogram() {
  return metrics.getMeter('@weft/chassis').createHistogram('db.client.operation.duration', {
    description: 'Duration of database client operations.',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
  });
}

/** That of the statement; `BATCH` and what all of several have in common. */
function operationName(statements: readonly Statement[]): string {
  const verbs = new Set(statements.map(({ sql }) => verbOf(sql)));
  const [verb = '', ...others] = verbs;
  if (statements.length === 1) return verb;
  return others.length === 0 ? `BATCH ${verb}` : 'BATCH';
}

function summaryOf(statements: readonly Statement[]): string {
  return statements
    .map(({ sql }) => querySummary(sql))
    .join('; ')
    .slice(0, 255);
}

function errorAttributes(error: unknown): Attributes {
  const { errno } = error as { errno?: number };
  const { reason } = error as Partial<ServiceError>;
  return {
    'error.type': String(reason ?? errno ?? (error as Error).name),
    ...(errno === undefined ? {} : { 'db.response.status_code': String(errno) }),
  };
}
