import { trace } from '@opentelemetry/api';
import { pino, type DestinationStream, type Logger } from 'pino';
import { errorForLog } from './error-log.ts';

export type { Logger };

/** Keys whose values never reach a log, at the top of a line or one level below. */
const secrets = ['authorization', 'password', 'token', 'accessToken', 'refreshToken', 'cookie'];

/** Levels of LOG_LEVEL. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/**
 * A JSON logger on stdout: one object a line, `trace_id` and `span_id` of the active span added,
 * secrets redacted. `level` defaults to info.
 */
export function createLogger(
  options: { readonly name: string; readonly level?: string },
  destination?: DestinationStream,
): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: { service: options.name, pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: errorForLog },
    redact: [...secrets, ...secrets.map((key) => `*.${key}`)],
    mixin: () => {
      const span = trace.getActiveSpan()?.spanContext();
      return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
    },
  };
  return destination === undefined ? pino(settings) : pino(settings, destination);
}
