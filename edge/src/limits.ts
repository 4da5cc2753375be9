/** What a client may use up. Sizes in bytes, times in milliseconds. */
export interface Limits {
  /** The longest body of a request; 413 above. Default 1 MiB. */
  readonly requestBytes: number;
  /** The longest body once it is decompressed; 413 above. Default 1 MiB. */
  readonly decompressedBytes: number;
  /** The longest answer, as text; INTERNAL above. Default 16 MiB. */
  readonly responseBytes: number;
  /** The longest request target; 414 above. Default 8 KiB. */
  readonly urlBytes: number;
  /** All headers of a request together; 431 above. Default 16 KiB. */
  readonly headerBytes: number;
  /** The deepest nesting of a JSON body, also through Any and Struct; 400 above. Default 100. */
  readonly jsonDepth: number;
  /** Members and elements of a JSON body, all levels together; 400 above. Default 100,000. */
  readonly jsonValues: number;
  /** The longest a call may take, but for streams, whatever client or contract would allow. Default 60 s. */
  readonly maxTimeoutMs: number;
  /** Requests in flight, streams among them; 503 above. Default 2,000. */
  readonly concurrentRequests: number;
  /** Streams at once on one HTTP/2 connection; a client waits with more. Default 1,024. */
  readonly streamsPerConnection: number;
  /** Open connections; no new ones above. Default 10,000. */
  readonly connections: number;
  /** How long the headers of a request may take; 408 after. Default 10 s. */
  readonly headersMs: number;
  /** How long a body may take to arrive, or the next part of a stream of requests; 408 after. Default 30 s. */
  readonly requestMs: number;
  /** How long a connection may be idle between two requests. Default 65 s. */
  readonly keepAliveMs: number;
  /** How long a client may leave an answer unread before its connection is cut. Default 30 s. */
  readonly slowClientMs: number;
  /** How often a quiet event stream gets a sign of life. Default 15 s. */
  readonly heartbeatMs: number;
}

const second = 1_000;
const mebibyte = 1024 * 1024;

export const defaultLimits: Limits = {
  requestBytes: mebibyte,
  decompressedBytes: mebibyte,
  responseBytes: 16 * mebibyte,
  urlBytes: 8 * 1024,
  headerBytes: 16 * 1024,
  jsonDepth: 100,
  jsonValues: 100_000,
  maxTimeoutMs: 60 * second,
  concurrentRequests: 2_000,
  streamsPerConnection: 1_024,
  connections: 10_000,
  headersMs: 10 * second,
  requestMs: 30 * second,
  keepAliveMs: 65 * second,
  slowClientMs: 30 * second,
  heartbeatMs: 15 * second,
};
