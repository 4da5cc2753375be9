export interface SessionOptions {
  /** How much a stream may send before it is consumed. */
  readonly streamWindowBytes: number;
  /** Of all streams together; given back as bytes arrive. */
  readonly sessionWindowBytes: number;
}

export interface SessionEvents {
  /** At first, and whenever the peer changes its mind. */
  onSettings(maxConcurrentStreams: number): void;
  /** Streams above `lastStreamId` were not looked at. */
  onGoaway(code: number, lastStreamId: number): void;
  /** Once: the connection is gone, and its streams are closed. `cause`: what was wrong, where that is known. */
  onClose(cause: Error | undefined): void;
}
