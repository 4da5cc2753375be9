import type { UnaryResult } from '@weft/chassis/client/mesh';
import type { MethodRule } from '@weft/chassis/contract';
import { callOptions } from '../call.ts';
import { readBody } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { httpStatus, type Failure } from '../http/faults.ts';
import { finish } from '../http/finish.ts';
import { addVary } from '../http/vary.ts';
import type { Protocol, Target } from '../protocol.ts';
import { acceptsGzip, gzip, isGzip } from './compression.ts';
import { connectError } from './connect-error.ts';
import { isSafe, readGet } from './connect-get.ts';
import { checkVersion } from './connect-version.ts';
import { readRpcType, type Codec } from './content-type.ts';
import { messagesOf } from './messages.ts';
import { answerMetadata, rpcMetadata } from './metadata.ts';
import { rpcErrorOf } from './rpc-error.ts';
import { refusedPlainly, unsupportedType, wrongHttpMethod } from './rpc-protocol.ts';
import type { RpcOptions } from './rpc.ts';

/** A request's message in its codec, decompressed. */
export interface UnaryRequest {
  readonly codec: Codec;
  readonly data: Uint8Array;
  /** It came compressed. */
  readonly gzipped: boolean;
}

/** Connect's unary calls, by POST and by GET (connectrpc.com/docs/protocol, "Unary (Request-Response) RPCs"). */
export class ConnectUnary implements Protocol {
  readonly #method: MethodRule;
  readonly #options: RpcOptions;

  /** `method`: the one at the request's path. */
  constructor(method: MethodRule, options: RpcOptions) {
    this.#method = method;
    this.#options = options;
  }

  match(exchange: Exchange): Target | undefined {
    const method = this.#method;
    const allow = isSafe(method) ? 'GET, HEAD, POST' : 'POST';
    switch (exchange.request.method ?? '') {
      case 'POST': {
        const { type } = readRpcType(exchange.request.headers['content-type']);
        if (type === undefined || method.streaming)
          throw unsupportedType(exchange, `${method.path.slice(1)} takes no such content type`);
        return this.#target(exchange, () => this.#posted(exchange, type.codec));
      }
      case 'GET':
      case 'HEAD':
        if (!isSafe(method)) throw wrongHttpMethod(exchange.request.method, allow);
        addVary(exchange.headers, 'Accept-Encoding');
        return this.#target(exchange, () => readGet(exchange, this.#options.limits));
      case 'OPTIONS':
        exchange.response.writeHead(204, { ...exchange.headers, allow: `${allow}, OPTIONS` }).end();
        return undefined;
      default:
        throw wrongHttpMethod(exchange.request.method, allow);
    }
  }

  fail(exchange: Exchange, failure: Failure): void {
    if (refusedPlainly(exchange, failure)) return;
    const error = rpcErrorOf(failure, exchange.pass.stripped);
    const body = Buffer.from(JSON.stringify(connectError(error)));
    exchange.response.writeHead(httpStatus[error.code], {
      ...error.headers,
      ...prefixed(error.trailers),
      ...exchange.headers,
      ...failure.headers,
      'content-type': 'application/json',
      'content-length': body.length,
    });
    finish(exchange.response, exchange.bodiless ? undefined : body, this.#options.limits.slowClientMs);
  }

  #target(exchange: Exchange, read: () => Promise<UnaryRequest>): Target {
    return { method: this.#method, label: this.#method.path, serve: () => this.#serve(exchange, read) };
  }

  async #serve(exchange: Exchange, read: () => Promise<UnaryRequest>): Promise<void> {
    const { mesh } = this.#options;
    const call = callOptions(exchange, rpcMetadata);
    const { codec, data, gzipped } = await read();
    const messages = messagesOf(codec, this.#method, exchange.schema, this.#options);
    const result = await mesh.unary(this.#method.path, messages.read(data), call);
    await this.#answer(exchange, codec, messages.write(result.message), result, gzipped);
  }

  async #answer(
    { request, response, headers, bodiless, pass }: Exchange,
    codec: Codec,
    message: Uint8Array,
    sent: UnaryResult,
    gzipped: boolean,
  ): Promise<void> {
    const accepts = acceptsGzip(request.headers['accept-encoding'] as string | undefined, gzipped);
    const small = accepts ? await gzip(message) : undefined;
    const body = small ?? message;
    response.writeHead(200, {
      ...answerMetadata(sent.headers, pass.stripped),
      ...prefixed(answerMetadata(sent.trailers, pass.stripped)),
      ...headers,
      'content-type': `application/${codec}`,
      ...(small === undefined ? {} : { 'content-encoding': 'gzip' }),
      'accept-encoding': 'gzip',
      'content-length': body.length,
    });
    finish(response, bodiless ? undefined : body, this.#options.limits.slowClientMs);
  }

  async #posted({ request, response }: Exchange, codec: Codec): Promise<UnaryRequest> {
    const { headers } = request;
    checkVersion(headers['connect-protocol-version'], '1');
    const gzipped = isGzip(headers['content-encoding']);
    return { codec, gzipped, data: await readBody(request, response, this.#options.limits) };
  }
}

/** Trailing metadata travels among the headers ("Prefixed-Trailing-Metadata"). */
function prefixed(trailers: Record<string, string[]>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(trailers).map(([name, values]) => [`trailer-${name}`, values]));
}
