import type { Exchange } from '../http/exchange.ts';
import type { Failure } from '../http/faults.ts';
import { finish } from '../http/finish.ts';
import type { Protocol, Target } from '../protocol.ts';
import { decodeBase64Chunks } from './base64-chunks.ts';
import type { RpcType } from './content-type.ts';
import { envelope } from './envelope.ts';
import { serveFramed, type Framing } from './framed-call.ts';
import { rpcErrorOf, statusTrailers } from './rpc-error.ts';
import { refusedPlainly, postedMethod } from './rpc-protocol.ts';
import type { RpcOptions } from './rpc.ts';

/** The flag of a frame that holds the trailers. */
const trailersFlag = 0x80;

/** gRPC-Web, in binary or as text (github.com/grpc/grpc, doc/PROTOCOL-WEB.md). */
export class GrpcWeb implements Protocol {
  readonly #type: RpcType;
  readonly #options: RpcOptions;

  constructor(type: RpcType, options: RpcOptions) {
    this.#type = type;
    this.#options = options;
  }

  match(exchange: Exchange): Target {
    const method = postedMethod(exchange);
    const framing = this.#framing(exchange);
    return { method, label: method.path, serve: () => serveFramed(exchange, method, framing, this.#options) };
  }

  /** As "Trailers-only": the status is in the headers, with no message in the body. */
  fail(exchange: Exchange, failure: Failure): void {
    if (refusedPlainly(exchange, failure)) return;
    const error = rpcErrorOf(failure, exchange.pass.stripped);
    exchange.response.writeHead(200, {
      ...error.headers,
      ...exchange.headers,
      ...failure.headers,
      ...statusTrailers(error, failure.error.retryAfterMs),
      'content-type': this.#contentType(exchange),
      'content-length': 0,
    });
    finish(exchange.response, undefined, this.#options.limits.slowClientMs);
  }

  #framing(exchange: Exchange): Framing {
    const { response, pass } = exchange;
    const { slowClientMs } = this.#options.limits;
    const contentType = this.#contentType(exchange);
    // Each write is base64 of its own, with padding.
    const output = (frame: Buffer) => (contentType.includes('-text') ? frame.toString('base64') : frame);
    return {
      codec: this.#type.codec,
      encodingHeader: 'grpc-encoding',
      acceptHeader: 'grpc-accept-encoding',
      acceptsItsOwn: false,
      input: this.#type.text ? decodeBase64Chunks : (chunks) => chunks,
      output,
      begin: (headers) => response.writeHead(200, { ...headers, 'content-type': contentType }),
      end(trailers, failure) {
        const status =
          failure === undefined
            ? { ...trailers, 'grpc-status': '0' }
            : statusTrailers(rpcErrorOf(failure, pass.stripped), failure.error.retryAfterMs);
        finish(response, output(envelope(trailersFlag, headerBlock(status))), slowClientMs);
      },
    };
  }

  /** As the request's; a client may ask for text by `Accept` alone. */
  #contentType({ request }: Exchange): string {
    const { text, contentType, codec } = this.#type;
    const wantsText = (request.headers.accept ?? '').includes('application/grpc-web-text');
    return wantsText && !text ? `application/grpc-web-text+${codec}` : contentType;
  }
}

/** Trailers as a block of HTTP/1 headers, without the last empty line. */
function headerBlock(trailers: Record<string, string | string[]>): Buffer {
  const lines = Object.entries(trailers).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}\r\n`),
  );
  return Buffer.from(lines.join(''), 'latin1');
}
