import type { Mesh } from '@weft/chassis/client/mesh';
import type { Failures } from '../failures.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Failure } from '../http/faults.ts';
import type { Limits } from '../limits.ts';
import type { Protocol } from '../protocol.ts';
import { ConnectStream } from './connect-stream.ts';
import { ConnectUnary } from './connect-unary.ts';
import { readRpcType, type RpcType } from './content-type.ts';
import { Grpc } from './grpc.ts';
import { GrpcWeb } from './grpc-web.ts';
import { refusedPlainly, unsupportedType } from './rpc-protocol.ts';

export interface RpcOptions {
  readonly mesh: Mesh;
  readonly limits: Limits;
  readonly failures: Failures;
  /** What a JSON message's unknown fields do. */
  readonly unknownFields: 'ignore' | 'refuse';
  /** Aborted when this process begins to shut down. */
  readonly draining: AbortSignal;
  /** Answers what fails before it is known how its client wants that. */
  readonly rest: Protocol;
}

/**
 * Which of Connect, gRPC-Web and gRPC a request speaks; undefined for none. The content type says so, or for
 * Connect's unary calls the path: that of a method, unless a route names it literally.
 */
export function createRpcSelect(options: RpcOptions): (exchange: Exchange) => Protocol | undefined {
  return (exchange) => {
    const contentType = exchange.request.headers['content-type'];
    if (contentType !== undefined && /^\s*application\/(grpc|connect\+)/i.test(contentType)) {
      const { known, type } = readRpcType(contentType);
      if (known) return type === undefined ? new UnknownCodec(options.rest) : protocolOf(type, options);
    }
    const method = exchange.schema.rpcs.get(exchange.path);
    return method === undefined || hasLiteralRoute(exchange) ? undefined : new ConnectUnary(method, options);
  };
}

function protocolOf(type: RpcType, options: RpcOptions): Protocol {
  if (type.protocol === 'grpc') return new Grpc(type, options);
  return type.protocol === 'grpc-web' ? new GrpcWeb(type, options) : new ConnectStream(type, options);
}

function hasLiteralRoute({ request, path, schema }: Exchange): boolean {
  const match = schema.routes.table.match(request.method ?? '', path);
  return match.kind === 'found' && match.value.rule.template.text === path;
}

/** A content type of one of the protocols, with a codec that is not spoken. */
class UnknownCodec implements Protocol {
  readonly #rest: Protocol;

  constructor(rest: Protocol) {
    this.#rest = rest;
  }

  match(exchange: Exchange): never {
    throw unsupportedType(exchange, 'messages can be proto or json');
  }

  fail(exchange: Exchange, failure: Failure): void {
    if (!refusedPlainly(exchange, failure)) this.#rest.fail(exchange, failure);
  }
}
