import type { CallOptions } from '@weft/chassis/client/mesh';
import type { MetadataPairs } from '@weft/chassis/client/metadata-pairs';
import { clientTimeoutMs } from './http/deadline.ts';
import type { Exchange } from './http/exchange.ts';
import { requestMetadata } from './http/metadata.ts';

type ReadMetadata = (
  rawHeaders: readonly string[],
  requestId: string,
  stripped: ReadonlySet<string>,
) => MetadataPairs;

/**
 * How a request's call goes upstream: its metadata, its trace, its deadline, and its end when the client leaves. The
 * deadline is the client's, at most the operator's; the mesh shortens it to the contract's. A stream has no
 * limit but the client's and the contract's. `readMetadata`: by default as REST has it.
 */
export function callOptions(exchange: Exchange, readMetadata: ReadMetadata = requestMetadata): CallOptions {
  const { request, id, signal, trace, pass, target } = exchange;
  const metadata = readMetadata(request.rawHeaders, id, pass.stripped);
  const limitMs = target?.method.streaming === true ? Infinity : pass.maxTimeoutMs;
  const timeoutMs = Math.min(clientTimeoutMs(request.headers) ?? Infinity, limitMs);
  return timeoutMs === Infinity ? { metadata, signal, trace } : { metadata, signal, trace, timeoutMs };
}
