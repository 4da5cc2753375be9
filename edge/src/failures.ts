import type { IncomingMessage } from 'node:http';
import { trace } from '@opentelemetry/api';
import { context } from '@opentelemetry/api';
import { ServiceError } from '@weft/chassis/errors';
import type { Logger } from '@weft/chassis/logger';
import type { Exchange } from './http/exchange.ts';
import { failureOf, type Failure } from './http/faults.ts';

/** What clients are told of errors; the log is told the rest. */
export interface Failures {
  /** The failure that a thrown error is to the client. Logs it. */
  of(exchange: Exchange, error: unknown): Failure;
  /** A request is through: at debug it has a line also where it went well. */
  ended(exchange: Exchange, status: number, ms: number): void;
}

/** `draining`: aborted when this process begins to shut down, which explains calls that are cancelled then. */
export function createFailures(logger: Logger, draining: AbortSignal): Failures {
  return {
    of(exchange, error) {
      const { id, target, request, signal, trace } = exchange;
      const failure = overHttp(
        request,
        draining.aborted && signal.aborted ? failureOf(goingAway()) : failureOf(error),
      );
      exchange.code = failure.error.code;
      const line = {
        ...traceOf(exchange),
        method: request.method,
        route: target?.label,
        rpc: target?.method.path.slice(1),
        status: failure.status,
        code: failure.error.code,
        reason: failure.error.reason,
        requestId: id,
      };
      // In its trace, whose id the log then names.
      context.with(trace, () => {
        if (failure.cause !== undefined) logger.error({ ...line, err: failure.cause }, 'request failed');
        else if (failure.status >= 500 && failure.status !== 501)
          logger.warn({ ...line, err: failure.error }, 'request failed');
        else logger.debug({ ...line, detail: failure.error.message }, 'request refused');
      });
      return failure;
    },
    ended(exchange, status, ms) {
      if (exchange.code !== undefined || !logger.isLevelEnabled('debug')) return;
      const { id: requestId, target, request } = exchange;
      const rpc = target?.method.path.slice(1);
      const { method } = request;
      logger.debug(
        {
          ...traceOf(exchange),
          method,
          route: target?.label,
          rpc,
          status,
          ms: Math.round(ms * 100) / 100,
          requestId,
        },
        'request',
      );
    },
  };
}

/** The ids of the request's span: its context is not the one that is active here. */
function traceOf({ trace: context }: Exchange): { trace_id?: string; span_id?: string } {
  const span = trace.getSpanContext(context);
  return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
}

/** HTTP/2 has no `connection` header (RFC 9113, 8.2.2). */
function overHttp(request: IncomingMessage, failure: Failure): Failure {
  if (!('stream' in request) || failure.headers['connection'] === undefined) return failure;
  const { connection: _, ...headers } = failure.headers;
  return { ...failure, headers };
}

/** What calls of a process that shuts down are told. */
export function goingAway(): ServiceError {
  return new ServiceError('UNAVAILABLE', 'SERVER_DRAINING', 'this instance is going away: call again');
}
