import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServiceError } from '@weft/chassis/errors';
import type { TokenVerifier } from '@weft/chassis/server/tokens';
import { goingAway, type Failures } from './failures.ts';
import { checkAccess } from './http/access.ts';
import { liftArrivalLimit } from './http/arrival.ts';
import { ClientGone } from './http/body.ts';
import type { Cors } from './http/cors.ts';
import { cutAnswer, wasCut } from './http/cut.ts';
import { newExchange, type Exchange, type PassRules } from './http/exchange.ts';
import { HttpFault } from './http/faults.ts';
import type { RateLimits } from './http/rate-limits.ts';
import { createRequestObserver } from './http/telemetry.ts';
import type { Limits } from './limits.ts';
import type { Page } from './pages/pages.ts';
import { sendPage } from './pages/send-page.ts';
import type { Protocol } from './protocol.ts';
import { SlowClient } from './rest/stream-answer.ts';
import type { Schema } from './schema.ts';

export interface HandlerOptions {
  /** The schema of requests that come now. */
  readonly schema: () => Schema;
  /** Whether there is a schema yet. */
  readonly known: () => boolean;
  /** How a request wants to be answered; `rest` until that is known. */
  readonly select: (exchange: Exchange) => Protocol;
  readonly rest: Protocol;
  readonly tokens: TokenVerifier | undefined;
  readonly limits: Limits;
  /** How often clients may ask; undefined: as often as they like. */
  readonly rates: RateLimits | undefined;
  readonly pass: PassRules;
  /** Answers the preflights of browsers, and lets them read answers. */
  readonly cors: Cors | undefined;
  readonly failures: Failures;
  /** Aborted when this process begins to shut down: streams end, other requests are finished. */
  readonly draining: AbortSignal;
}

/** Answers a request; never throws, never rejects. */
export type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** The way of a request: what it asks for, whether it may, the call, and what becomes of failures. */
export function createHandler(options: HandlerOptions): Handle {
  const { tokens, limits, rates, draining } = options;
  let inFlight = 0;
  const observe = createRequestObserver(() => inFlight);
  const streams = new Set<AbortController>();
  draining.addEventListener('abort', () => streams.forEach((stream) => stream.abort()));

  async function answer(exchange: Exchange, gone: AbortController): Promise<void> {
    if (options.cors?.answers(exchange) === true) return;
    // First of all, so that every failure has the form that its client reads.
    exchange.protocol = options.select(exchange);
    if (!options.known()) throw schemaUnknown();
    if (inFlight > limits.concurrentRequests) throw overloaded();
    // Before any token is looked at: to verify one costs more than to make one up.
    if (rates !== undefined) await rates.ofAddress(exchange);
    checkTarget(exchange.request.url ?? '', limits.urlBytes);
    const page = pageOf(exchange);
    if (page !== undefined) return sendPage(page, exchange, limits.slowClientMs);
    const target = exchange.protocol.match(exchange);
    if (target === undefined) return;
    exchange.target = target;
    if (target.method.streaming) {
      if (draining.aborted) throw goingAway();
      streams.add(gone);
      const { methodKind } = target.method.descriptor;
      if (methodKind !== 'server_streaming') liftArrivalLimit(exchange.request);
    }
    const user = await checkAccess(exchange.request, target.method, tokens);
    if (rates !== undefined) await rates.ofCall(exchange, target, user?.id);
    await target.serve();
  }

  return (request, response) => {
    const observed = observe(request);
    const gone = new AbortController();
    const exchange = newExchange(
      request,
      response,
      options.schema(),
      options.rest,
      gone.signal,
      observed.context,
      options.pass,
    );
    inFlight += 1;
    response.once('close', () => {
      inFlight -= 1;
      streams.delete(gone);
      if (wasCut(response)) gone.abort();
      const { target } = exchange;
      const status = response.headersSent ? response.statusCode : 499;
      const ms = observed.ended({
        route: target?.label,
        rpc: target?.method.path.slice(1),
        status,
        code: exchange.code ?? (wasCut(response) ? 'CANCELLED' : 'OK'),
      });
      options.failures.ended(exchange, status, ms);
    });
    answer(exchange, gone).catch((error: unknown) => fail(exchange, error, options));
  };
}

function pageOf({ request, path, schema }: Exchange): Page | undefined {
  return request.method === 'GET' || request.method === 'HEAD' ? schema.pages(path) : undefined;
}

/** Answers a failure, or cuts the connection where an answer has begun already. */
function fail(exchange: Exchange, error: unknown, { failures, draining }: HandlerOptions): void {
  const { response } = exchange;
  if (error instanceof ClientGone || (exchange.signal.aborted && !draining.aborted)) {
    cutAnswer(response);
    return;
  }
  const failure = failures.of(exchange, error);
  if (response.headersSent || error instanceof SlowClient) cutAnswer(response);
  else exchange.protocol.fail(exchange, failure);
}

function schemaUnknown(): ServiceError {
  return new ServiceError('UNAVAILABLE', 'SCHEMA_UNKNOWN', 'what is served here is not known yet', {
    retryAfterMs: 1_000,
  });
}

function overloaded(): ServiceError {
  return new ServiceError('UNAVAILABLE', 'OVERLOADED', 'too many requests in flight', {
    retryAfterMs: 1_000,
  });
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
