import type { MethodDefinition, ServiceDefinition } from '../server/implement.ts';
import { asBuffer } from './as-buffer.ts';
import type { CallOptions, Mesh } from './mesh.ts';

/** The call of one method: a promise for unary, an async iterable for a server stream. */
export type CallOf<M> =
  M extends MethodDefinition<infer Req, infer Res>
    ? M extends { readonly requestStream: true }
      ? never
      : M extends { readonly responseStream: true }
        ? (request: Req, options?: CallOptions) => AsyncIterable<Res>
        : (request: Req, options?: CallOptions) => Promise<Res>
    : never;

/** A gRPC service's methods as functions. Methods that stream requests are not offered. */
export type Client<D> = { readonly [M in keyof D]: CallOf<D[M]> };

/**
 * A typed client over the mesh: `client(ProductServiceService, mesh).getProduct({ id })`.
 * Failures are ServiceErrors, see Mesh. A request that cannot be encoded throws what its codec throws.
 */
export function client<D extends ServiceDefinition>(definition: D, mesh: Mesh): Client<D> {
  const calls = Object.entries(definition)
    .filter(([, method]) => !method.requestStream)
    .map(([name, method]) => [name, method.responseStream ? stream(method, mesh) : unary(method, mesh)]);
  return Object.fromEntries(calls) as Client<D>;
}

function unary(method: MethodDefinition, mesh: Mesh) {
  return async (request: unknown, options?: CallOptions): Promise<unknown> => {
    const { message } = await mesh.unary(method.path, method.requestSerialize(request), options);
    return method.responseDeserialize(asBuffer(message));
  };
}

function stream(method: MethodDefinition, mesh: Mesh) {
  return async function* (request: unknown, options?: CallOptions): AsyncGenerator<unknown> {
    const { messages } = mesh.serverStream(method.path, method.requestSerialize(request), options);
    for await (const message of messages) yield method.responseDeserialize(asBuffer(message));
  };
}
