import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Route } from '../routing/routes.ts';

/** One HTTP request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The request's `x-request-id`, made here if it sent none. */
  readonly id: string;
  /** What every answer to it carries. */
  readonly headers: Readonly<Record<string, string>>;
  /** The raw path and query (without `?`) of the request target. */
  readonly path: string;
  readonly query: string;
  /** Aborted when the client goes away, and for streams when this process shuts down. */
  readonly signal: AbortSignal;
  /** A HEAD request: it is answered like a GET, without a body. */
  readonly bodiless: boolean;
  /** Known once it is found. */
  route?: Route;
}
