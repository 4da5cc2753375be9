/** What a client may use up. */
export interface Limits {
  /** The longest body of a request. */
  readonly requestBytes: number;
  /** The longest answer, as text. */
  readonly responseBytes: number;
  /** The longest request target. */
  readonly urlBytes: number;
  /** All headers of a request together. */
  readonly headerBytes: number;
  /** The deepest nesting of a JSON body. */
  readonly jsonDepth: number;
  /** Requests in flight, streams among them. */
  readonly concurrentRequests: number;
  readonly connections: number;
  /** How long the headers of a request may take, and all of it. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** How long a connection may be idle between two requests. */
  readonly keepAliveMs: number;
  /** How long a client may leave an answer unread. */
  readonly slowClientMs: number;
  /** How often a quiet event stream gets a sign of life. */
  readonly heartbeatMs: number;
}
