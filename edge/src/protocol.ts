import type { MethodRule } from '@weft/chassis/contract';
import type { Exchange } from './http/exchange.ts';
import type { Failure } from './http/faults.ts';

/** One way in which clients speak to the edge: REST, Connect, gRPC-Web, gRPC. */
export interface Protocol {
  /**
   * What a request asks for; undefined when it asked about the path alone and is answered already (OPTIONS).
   * Throws an HttpFault where there is nothing of the kind, or not in this way.
   */
  match(exchange: Exchange): Target | undefined;
  /** Answers a failure, the answer not having begun. */
  fail(exchange: Exchange, failure: Failure): void;
}

/** The method that a request calls. */
export interface Target {
  readonly method: MethodRule;
  /** For metrics and logs: a route's template, or an RPC's path. */
  readonly label: string;
  /** Calls it and answers. Throws whatever fails before the answer has begun. */
  serve(): Promise<void>;
}
