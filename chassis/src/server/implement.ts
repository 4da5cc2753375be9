import type { CallContext } from '../call-context.ts';

/** A method as ts-proto generates it for grpc-js. */
export interface MethodDefinition<Req = unknown, Res = unknown> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  requestSerialize(value: Req): Buffer;
  requestDeserialize(bytes: Buffer): Req;
  responseSerialize(value: Res): Buffer;
  responseDeserialize(bytes: Buffer): Res;
}

/** A gRPC service as ts-proto generates it for grpc-js: `ProductServiceService`. */
export type ServiceDefinition = Readonly<Record<string, MethodDefinition>>;

/** Answers one request. What it throws is the answer: a ServiceError as it is, anything else as INTERNAL. */
export type UnaryHandler<Req, Res> = (request: Req, context: CallContext) => Promise<Res>;
/** Answers one request with a stream; it is pulled as fast as the caller reads. */
export type ServerStreamHandler<Req, Res> = (request: Req, context: CallContext) => AsyncIterable<Res>;
/** Answers a stream of requests with one message. */
export type ClientStreamHandler<Req, Res> = (
  requests: AsyncIterable<Req>,
  context: CallContext,
) => Promise<Res>;
/** Answers a stream of requests with a stream. */
export type BidiStreamHandler<Req, Res> = (
  requests: AsyncIterable<Req>,
  context: CallContext,
) => AsyncIterable<Res>;

/** The handler that a method asks for, by its streams. */
export type HandlerOf<M> =
  M extends MethodDefinition<infer Req, infer Res>
    ? M extends { readonly requestStream: true }
      ? M extends { readonly responseStream: true }
        ? BidiStreamHandler<Req, Res>
        : ClientStreamHandler<Req, Res>
      : M extends { readonly responseStream: true }
        ? ServerStreamHandler<Req, Res>
        : UnaryHandler<Req, Res>
    : never;

/** One handler for every method. */
export type Handlers<D> = { readonly [M in keyof D]: HandlerOf<D[M]> };

/** A gRPC service and its handlers, ready to be served. */
export interface Implementation {
  /** The service's full name: `shop.catalog.v1.ProductService`. */
  readonly service: string;
  readonly methods: readonly ImplementedMethod[];
}

/** One method with its handler; the types of its messages are known to `implement` alone. */
export interface ImplementedMethod {
  readonly definition: MethodDefinition;
  readonly handler: (request: never, context: CallContext) => Promise<unknown> | AsyncIterable<unknown>;
}

/**
 * Joins a generated service and its handlers. A unary handler takes the request and the call's
 * context and returns the response; a server stream returns an async iterable, which is pulled no
 * faster than the caller reads and is ended (`return()`) when the caller goes away.
 *
 * A handler throws a ServiceError for what its caller may see. Anything else it throws is INTERNAL
 * to the caller, without text, and goes to the log.
 */
export function implement<D extends ServiceDefinition>(definition: D, handlers: Handlers<D>): Implementation {
  const methods = Object.entries(definition).map(([name, method]) => ({
    definition: method,
    handler: handlers[name as keyof D] as ImplementedMethod['handler'],
  }));
  const service = methods[0]?.definition.path.split('/')[1];
  if (service === undefined) throw new Error('a gRPC service needs a method');
  return { service, methods };
}
