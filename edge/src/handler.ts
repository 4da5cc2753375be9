import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { context } from '@opentelemetry/api';
import { ServiceError } from '@weft/chassis/errors';
import type { Logger } from '@weft/chassis/logger';
import type { TokenVerifier } from '@weft/chassis/server/tokens';
import { checkAccess } from './http/access.ts';
import { ClientGone } from './http/body.ts';
import type { ErrorPrinter } from './http/error-body.ts';
import type { Exchange } from './http/exchange.ts';
import { failureOf, HttpFault, type Failure } from './http/faults.ts';
import { finish } from './http/finish.ts';
import { SlowClient } from './http/stream-answer.ts';
import { createRequestObserver } from './http/telemetry.ts';
import type { Limits } from './limits.ts';
import type { Routes } from './routing/routes.ts';
import type { Transcoder } from './transcoder.ts';

/** This process, in the ErrorInfo of its own errors. */
export const domain = 'edge';

export interface HandlerOptions {
  readonly routes: Routes;
  readonly transcoder: Transcoder;
  readonly tokens: TokenVerifier | undefined;
  readonly errors: ErrorPrinter;
  readonly limits: Limits;
  readonly logger: Logger;
  /** Aborted when this process begins to shut down: streams end, other requests are finished. */
  readonly draining: AbortSignal;
}

export interface Handler {
  /** Answers a request; never throws, never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  readonly inFlight: number;
}

/** The way of a request: route, access, transcoding, and what becomes of failures. */
export function createHandler(options: HandlerOptions): Handler {
  const { routes, transcoder, tokens, limits, draining } = options;
  let inFlight = 0;
  const observe = createRequestObserver(() => inFlight);
  const streams = new Set<AbortController>();
  draining.addEventListener('abort', () => streams.forEach((stream) => stream.abort()));

  async function answer(exchange: Exchange, gone: AbortController): Promise<void> {
    if (inFlight > limits.concurrentRequests)
      throw new ServiceError('UNAVAILABLE', 'OVERLOADED', 'too many requests in flight', {
        retryAfterMs: 1_000,
      });
    const { request, path, response } = exchange;
    checkTarget(request.url ?? '', limits.urlBytes);
    const match = routes.table.match(request.method ?? '', path);
    if (match.kind === 'none') throw noRoute();
    if (match.kind === 'wrong-method') {
      const allow = [...match.allow, 'OPTIONS'].join(', ');
      if (request.method !== 'OPTIONS') throw wrongMethod(request.method ?? '', allow);
      response.writeHead(204, { ...exchange.headers, allow }).end();
      return;
    }
    exchange.route = match.value;
    if (match.value.method.streaming) {
      if (draining.aborted) throw goingAway();
      streams.add(gone);
    }
    await checkAccess(request, match.value.method, tokens);
    await transcoder.serve(exchange, match.value, match.captures);
  }

  async function run(exchange: Exchange, gone: AbortController): Promise<void> {
    try {
      await answer(exchange, gone);
    } catch (error) {
      fail(exchange, error, options);
    }
  }

  return {
    get inFlight() {
      return inFlight;
    },
    handle(request, response) {
      const observed = observe(request);
      const gone = new AbortController();
      const exchange = newExchange(request, response, gone.signal);
      inFlight += 1;
      response.once('close', () => {
        inFlight -= 1;
        streams.delete(gone);
        if (!response.writableFinished) gone.abort();
        const { route } = exchange;
        observed.ended({
          route: route?.rule.template.text,
          rpc: route?.method.path.slice(1),
          status: response.headersSent ? response.statusCode : 499,
        });
      });
      void context.with(observed.context, () => run(exchange, gone));
    },
  };
}

function newExchange(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Exchange {
  const sent = request.headers['x-request-id'];
  const id = typeof sent === 'string' && /^[\x21-\x7e]{1,128}$/.test(sent) ? sent : randomUUID();
  const target = originForm(request.url ?? '');
  const mark = target.indexOf('?');
  return {
    request,
    response,
    id,
    headers: { 'x-request-id': id, 'x-content-type-options': 'nosniff' },
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? '' : target.slice(mark + 1),
    signal,
    bodiless: request.method === 'HEAD',
  };
}

/** A target may name the authority too (RFC 9112, 3.2.2): that is taken off, and nothing else is touched. */
function originForm(url: string): string {
  if (url.startsWith('/')) return url;
  const rest = url.replace(/^https?:\/\/[^/?#]*/i, '');
  return rest.startsWith('?') || rest === '' ? `/${rest}` : rest;
}

function checkTarget(url: string, maxBytes: number): void {
  if (url.length > maxBytes)
    throw new HttpFault(414, 'INVALID_ARGUMENT', 'URI_TOO_LONG', `the URL is longer than ${maxBytes} bytes`);
  if (/[^\x21-\x7e]/.test(url))
    throw new HttpFault(
      400,
      'INVALID_ARGUMENT',
      'MALFORMED_URI',
      'the URL has a character that must be encoded',
    );
}

function goingAway(): ServiceError {
  return new ServiceError('UNAVAILABLE', 'SERVER_DRAINING', 'this instance is going away: call again');
}

function noRoute(): HttpFault {
  return new HttpFault(404, 'NOT_FOUND', 'ROUTE_NOT_FOUND', 'there is nothing at this path');
}

function wrongMethod(method: string, allow: string): HttpFault {
  return new HttpFault(405, 'UNIMPLEMENTED', 'METHOD_NOT_ALLOWED', `${method} is not possible here`, {
    allow,
  });
}

/** Answers a failure, or cuts the connection where an answer has begun already. */
function fail(exchange: Exchange, error: unknown, options: HandlerOptions): void {
  const { response, bodiless } = exchange;
  if (error instanceof ClientGone || (exchange.signal.aborted && !options.draining.aborted)) {
    response.destroy();
    return;
  }
  const failure = logged(exchange, error, options);
  if (response.headersSent || error instanceof SlowClient) {
    response.destroy();
    return;
  }
  const body = options.errors.print(failure, domain, exchange.route?.method.descriptor.input);
  response.writeHead(failure.status, {
    ...exchange.headers,
    ...failure.headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  finish(response, bodiless ? undefined : body, options.limits.slowClientMs);
}

/** The body of a failure after the answer has begun. */
export function lateFailure(
  exchange: Exchange,
  error: unknown,
  options: Omit<HandlerOptions, 'transcoder'>,
): string {
  return options.errors.print(
    logged(exchange, error, options),
    domain,
    exchange.route?.method.descriptor.input,
  );
}

function logged(
  { id, route, request, signal }: Exchange,
  error: unknown,
  { draining, logger }: Pick<HandlerOptions, 'draining' | 'logger'>,
): Failure {
  const failure = draining.aborted && signal.aborted ? failureOf(goingAway()) : failureOf(error);
  const line = {
    method: request.method,
    route: route?.rule.template.text,
    rpc: route?.method.path.slice(1),
    status: failure.status,
    code: failure.error.code,
    reason: failure.error.reason,
    requestId: id,
  };
  if (failure.cause !== undefined) logger.error({ ...line, err: failure.cause }, 'request failed');
  else if (failure.status >= 500) logger.warn({ ...line, err: failure.error }, 'request failed');
  else logger.debug({ ...line, detail: failure.error.message }, 'request refused');
  return failure;
}
