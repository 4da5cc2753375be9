import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context } from '@opentelemetry/api';
import type { CodeName } from '@weft/chassis/errors';
import type { Protocol, Target } from '../protocol.ts';
import type { Schema } from '../schema.ts';

/** What passes between clients and upstreams, as the operator wants it. */
export interface PassRules {
  /** Names of headers and metadata, in lower case, that pass in neither direction. */
  readonly stripped: ReadonlySet<string>;
  /** The longest that a call may take, but for streams. */
  readonly maxTimeoutMs: number;
}

/** One HTTP request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly pass: PassRules;
  /** The schema when the request came: it may have been replaced since. */
  readonly schema: Schema;
  /** The request's `x-request-id`, made here if it sent none. */
  readonly id: string;
  /** What every answer to it carries. */
  readonly headers: Record<string, string | string[]>;
  /** The raw path and query (without `?`) of the request target. */
  readonly path: string;
  readonly query: string;
  /** Aborted when the client goes away, and for streams when this process shuts down. */
  readonly signal: AbortSignal;
  /** Where what is done for it belongs. Handed on by hand: to make it the active context costs more. */
  readonly trace: Context;
  /** A HEAD request: it is answered like a GET, without a body. */
  readonly bodiless: boolean;
  /** How it is answered. */
  protocol: Protocol;
  /** Known once it is found. */
  target?: Target;
  /** Why it failed, as far as it has. */
  code?: CodeName;
}

export function newExchange(
  request: IncomingMessage,
  response: ServerResponse,
  schema: Schema,
  protocol: Protocol,
  signal: AbortSignal,
  trace: Context,
  pass: PassRules,
): Exchange {
  const sent = request.headers['x-request-id'];
  const id = typeof sent === 'string' && /^[\x21-\x7e]{1,128}$/.test(sent) ? sent : randomUUID();
  const target = originForm(request.url ?? '');
  const mark = target.indexOf('?');
  return {
    request,
    response,
    pass,
    schema,
    protocol,
    id,
    headers: { 'x-request-id': id, 'x-content-type-options': 'nosniff' },
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? '' : target.slice(mark + 1),
    signal,
    trace,
    bodiless: request.method === 'HEAD',
  };
}

/** A target may name the authority too (RFC 9112, 3.2.2): that is taken off, and nothing else is touched. */
function originForm(url: string): string {
  if (url.startsWith('/')) return url;
  const rest = url.replace(/^https?:\/\/[^/?#]*/i, '');
  return rest.startsWith('?') || rest === '' ? `/${rest}` : rest;
}
