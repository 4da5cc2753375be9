import type { Http2ServerResponse } from 'node:http2';
import { letGo } from '../http/cut.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Failure } from '../http/faults.ts';
import { finish } from '../http/finish.ts';
import type { Protocol, Target } from '../protocol.ts';
import type { RpcType } from './content-type.ts';
import { serveFramed, type Framing } from './framed-call.ts';
import { rpcErrorOf, statusTrailers } from './rpc-error.ts';
import { refusedPlainly, postedMethod, unsupportedType } from './rpc-protocol.ts';
import type { RpcOptions } from './rpc.ts';

/** gRPC over HTTP/2 (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md). */
export class Grpc implements Protocol {
  readonly #type: RpcType;
  readonly #options: RpcOptions;

  constructor(type: RpcType, options: RpcOptions) {
    this.#type = type;
    this.#options = options;
  }

  match(exchange: Exchange): Target {
    if (!('stream' in exchange.response))
      throw unsupportedType(exchange, 'gRPC needs HTTP/2: over HTTP/1.1 use gRPC-Web or Connect');
    const method = postedMethod(exchange);
    const framing = this.#framing(exchange);
    return { method, label: method.path, serve: () => serveFramed(exchange, method, framing, this.#options) };
  }

  /** As "Trailers-Only": the status is in the headers, which are all there is. */
  fail(exchange: Exchange, failure: Failure): void {
    if (refusedPlainly(exchange, failure)) return;
    const { response, headers } = exchange;
    const error = rpcErrorOf(failure, exchange.pass.stripped);
    // Not by writeHead, after which the headers would not end the stream.
    const all = {
      ...error.headers,
      ...headers,
      ...failure.headers,
      ...statusTrailers(error, failure.error.retryAfterMs),
      'content-type': this.#type.contentType,
    };
    for (const [name, value] of Object.entries(all)) response.setHeader(name, value);
    response.statusCode = 200;
    response.end();
    letGo((response as unknown as Http2ServerResponse).stream);
  }

  #framing({ response, pass }: Exchange): Framing {
    const { slowClientMs } = this.#options.limits;
    return {
      codec: this.#type.codec,
      encodingHeader: 'grpc-encoding',
      acceptHeader: 'grpc-accept-encoding',
      acceptsItsOwn: false,
      input: (chunks) => chunks,
      output: (frame) => frame,
      begin: (headers) => response.writeHead(200, { ...headers, 'content-type': this.#type.contentType }),
      end(trailers, failure) {
        const status =
          failure === undefined
            ? { ...trailers, 'grpc-status': '0' }
            : statusTrailers(rpcErrorOf(failure, pass.stripped), failure.error.retryAfterMs);
        // Several values of a name are fine over HTTP/2, whatever the type says.
        response.addTrailers(status as Record<string, string>);
        finish(response, undefined, slowClientMs);
      },
    };
  }
}
