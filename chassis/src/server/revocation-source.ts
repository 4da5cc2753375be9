import { Revocations, WatchRevocationsRequest } from '@weft/proto/weft/v1/revocation';
import { runOutsideCall } from '../call-context.ts';
import type { Mesh } from '../client/mesh.ts';
import type { WatchRevocations } from './revocations.ts';

/**
 * The revocations that a method of the mesh tells of, such as `shop.identity.v1.KeyService/WatchRevocations`.
 * Throws where the text is no method's name.
 */
export function meshRevocations(method: string, mesh: Mesh): WatchRevocations {
  if (!/^[\w.]+\/\w+$/.test(method)) throw new Error('is no method, as in pkg.Service/Method');
  return async function* (request, signal) {
    const bytes = WatchRevocationsRequest.encode(request).finish();
    const { messages } = runOutsideCall(() => mesh.serverStream(`/${method}`, bytes, { signal }));
    for await (const message of messages) yield Revocations.decode(message);
  };
}
