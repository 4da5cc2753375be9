import type { CallOptions } from '@weft/chassis/client/mesh';
import { clientTimeoutMs } from './http/deadline.ts';
import type { Exchange } from './http/exchange.ts';
import { requestMetadata } from './http/metadata.ts';

/** How a request's call goes upstream: its metadata, its deadline, and its end when the client leaves. */
export function callOptions({ request, id, signal }: Exchange): CallOptions {
  const timeoutMs = clientTimeoutMs(request.headers);
  const metadata = requestMetadata(request.rawHeaders, id);
  return timeoutMs === undefined ? { metadata, signal } : { metadata, signal, timeoutMs };
}
