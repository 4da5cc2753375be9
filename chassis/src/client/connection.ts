import type { Priority } from '../call-context.ts';
import type { StreamResult, UnaryResult } from './mesh.ts';
import type { MetadataPairs } from './metadata-pairs.ts';

/** What attempts of all kinds have. */
export interface AttemptBase {
  readonly path: string;
  readonly metadata: MetadataPairs;
  /** Epoch milliseconds; Infinity for none. */
  readonly deadlineMs: number;
  readonly signals: readonly AbortSignal[];
  /** Where it is lower than its method's. */
  readonly priority?: Priority | undefined;
}

/** One attempt of a call with one request. */
export interface Attempt extends AttemptBase {
  readonly request: Uint8Array;
}

/** One attempt of a call that streams its requests. */
export interface StreamingAttempt extends AttemptBase {
  /** Pulled one by one as the instance takes them. What it throws cancels the attempt. */
  readonly requests: Pick<AsyncIterator<Uint8Array, undefined>, 'next'>;
}

/**
 * A connection to one instance, that keeps itself up. Attempts fail with a ServiceError: the
 * upstream's own, or UNAVAILABLE with reason NOT_SENT or CONNECTION_LOST (see retry.ts).
 */
export interface Connection {
  readonly ready: boolean;
  unary(attempt: Attempt): Promise<UnaryResult>;
  serverStream(attempt: Attempt): StreamResult;
  clientStream(attempt: StreamingAttempt): StreamResult;
  /** Lets go: no new attempts, those in flight go on. */
  close(): void;
}

/** Opens a connection to `host:port`, whose certificate must name `workload` (any of the mesh if undefined). */
export type Connect = (address: string, workload: string | undefined, onChange: () => void) => Connection;
