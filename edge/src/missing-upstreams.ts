import type { Mesh } from '@weft/chassis/client/mesh';
import type { Contract } from '@weft/chassis/contract';
import { ServiceError } from '@weft/chassis/errors';

/**
 * The same mesh, but for calls of services for which nobody said where they are: they fail at once with
 * UNIMPLEMENTED (NO_UPSTREAM), rather than wait for an instance that cannot come.
 */
export function withoutMissing(
  mesh: Mesh,
  contract: Contract,
  hasUpstream: (service: string) => boolean,
): Mesh {
  const check = (path: string): void => {
    const service = contract.methods.get(path)?.service;
    if (service !== undefined && !hasUpstream(service))
      throw new ServiceError('UNIMPLEMENTED', 'NO_UPSTREAM', `no upstream is known for ${service}`);
  };
  return {
    ...mesh,
    async unary(path, request, options) {
      check(path);
      return mesh.unary(path, request, options);
    },
    serverStream(path, request, options) {
      check(path);
      return mesh.serverStream(path, request, options);
    },
    clientStream(path, requests, options) {
      check(path);
      return mesh.clientStream(path, requests, options);
    },
  };
}
