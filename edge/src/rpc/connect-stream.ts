import type { Exchange } from '../http/exchange.ts';
import type { Failure } from '../http/faults.ts';
import { finish } from '../http/finish.ts';
import type { Protocol, Target } from '../protocol.ts';
import { connectError } from './connect-error.ts';
import { checkVersion } from './connect-version.ts';
import type { RpcType } from './content-type.ts';
import { envelope } from './envelope.ts';
import { serveFramed, type Framing } from './framed-call.ts';
import { rpcErrorOf, type RpcError } from './rpc-error.ts';
import { refusedPlainly, postedMethod, unsupportedType } from './rpc-protocol.ts';
import type { RpcOptions } from './rpc.ts';

/** The flag of the frame that ends an answer. */
const endStream = 2;

/** Connect's streams (connectrpc.com/docs/protocol, "Streaming RPCs"). */
export class ConnectStream implements Protocol {
  readonly #type: RpcType;
  readonly #options: RpcOptions;

  constructor(type: RpcType, options: RpcOptions) {
    this.#type = type;
    this.#options = options;
  }

  match(exchange: Exchange): Target {
    const method = postedMethod(exchange);
    if (!method.streaming) throw unsupportedType(exchange, `${method.path.slice(1)} streams nothing`);
    const framing = this.#framing(exchange);
    return {
      method,
      label: method.path,
      serve: async () => {
        checkVersion(exchange.request.headers['connect-protocol-version'], '1');
        await serveFramed(exchange, method, framing, this.#options);
      },
    };
  }

  /** Streams answer 200 whatever happens: the error is in the last frame. */
  fail(exchange: Exchange, failure: Failure): void {
    if (refusedPlainly(exchange, failure)) return;
    const error = rpcErrorOf(failure, exchange.pass.stripped);
    const body = lastFrame(error.trailers, error);
    exchange.response.writeHead(200, {
      ...error.headers,
      ...exchange.headers,
      ...failure.headers,
      'content-type': this.#type.contentType,
      'content-length': body.length,
    });
    finish(exchange.response, body, this.#options.limits.slowClientMs);
  }

  #framing({ response, pass }: Exchange): Framing {
    const { slowClientMs } = this.#options.limits;
    return {
      codec: this.#type.codec,
      encodingHeader: 'connect-content-encoding',
      acceptHeader: 'connect-accept-encoding',
      acceptsItsOwn: true,
      input: (chunks) => chunks,
      output: (frame) => frame,
      begin: (headers) => response.writeHead(200, { ...headers, 'content-type': this.#type.contentType }),
      end(trailers, failure) {
        const error = failure && rpcErrorOf(failure, pass.stripped);
        finish(response, lastFrame(error?.trailers ?? trailers, error), slowClientMs);
      },
    };
  }
}

function lastFrame(metadata: Record<string, string[]>, error: RpcError | undefined): Buffer {
  const end = {
    ...(error === undefined ? {} : { error: connectError(error) }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
  return envelope(endStream, Buffer.from(JSON.stringify(end)));
}
