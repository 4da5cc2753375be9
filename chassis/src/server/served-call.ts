import type { Metadata } from '@grpc/grpc-js';
import type { Priority, CallContext, User } from '../call-context.ts';
import type { AccessRule, MethodRule } from '../contract.ts';
import { ServiceError } from '../errors.ts';
import { lowered, priorityHeader } from '../priority.ts';
import type { Baseline } from './admission/baseline.ts';
import type { Entrant } from './admission/gate.ts';
import type { ImplementedMethod } from './implement.ts';

/** A method as the server runs it. */
export interface ServedMethod extends ImplementedMethod {
  readonly path: string;
  readonly access: AccessRule;
  readonly timeoutMs: number | undefined;
  readonly rule: MethodRule | undefined;
  readonly responseStream: boolean;
  readonly priority: Priority;
  /** How long it takes without load, as the gate has seen it. */
  readonly baseline: Baseline;
}

/** How the answer leaves: one per call, over grpc-js. */
export interface Wire {
  /** Sends one encoded message; what it returns is awaited before the next. */
  send(message: Buffer): Promise<void> | void;
  /** Ends the call, once: OK, or with an error. */
  end(error: ServiceError | undefined): void;
}

/** The other side of a call's connection. */
export interface Peer {
  /** The alternative names in its certificate; undefined where there are none. */
  names(): string | undefined;
  /** The same object for all calls of one connection. */
  connection(): object | undefined;
}

/** A call on its way through the chain; handlers see it as their CallContext. */
export class ServedCall implements CallContext, Entrant {
  readonly method: ServedMethod;
  readonly metadata: Metadata;
  /** The encoded request, or the requests of a stream. */
  readonly request: Buffer | AsyncIterable<Buffer>;
  readonly wire: Wire;
  /** Who called, on which connection. */
  readonly peer: Peer;
  readonly priority: Priority;
  /** When it came: what it waits for its turn is part of how long it takes. */
  readonly arrivedAt = performance.now();
  slotSince: number | undefined;
  /** Called when a stream has its first answer. */
  onBegun: (() => void) | undefined;
  deadlineMs: number | undefined;
  caller = '';
  user: User | undefined;
  token: string | undefined;
  /** Why it failed; undefined while it runs and after it went well. */
  failure: ServiceError | undefined;
  /** What a handler threw that its caller may not see. */
  cause: unknown;
  #ended = false;
  #aborted = false;
  #controller: AbortController | undefined;

  constructor(
    method: ServedMethod,
    metadata: Metadata,
    request: Buffer | AsyncIterable<Buffer>,
    wire: Wire,
    deadline: Date | number,
    peer: Peer,
  ) {
    this.method = method;
    this.metadata = metadata;
    this.request = request;
    this.wire = wire;
    this.peer = peer;
    this.priority = lowered(method.priority, metadata.get(priorityHeader)[0]);
    this.deadlineMs = deadline === Infinity ? undefined : Number(deadline);
  }

  get path(): string {
    return this.method.path;
  }

  get streaming(): boolean {
    return this.method.responseStream || this.method.definition.requestStream;
  }

  get baseline(): Baseline {
    return this.method.baseline;
  }

  get failed(): boolean {
    return this.failure !== undefined;
  }

  get requestId(): string | undefined {
    return this.metadata.get('x-request-id')[0]?.toString();
  }

  /** Made when it is first asked for: most calls never do. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.failure);
    }
    return this.#controller.signal;
  }

  /** Whether the answer is out, or nobody waits for it any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Sends the outcome, unless the call has ended before. */
  end(error?: ServiceError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.failure = error;
    this.wire.end(error);
  }

  /** Ends the call early, OK or with an error, and tells its handler through the signal. */
  abort(error?: ServiceError): void {
    if (this.#ended) return;
    this.#aborted = true;
    this.end(error);
    this.#controller?.abort(error);
  }

  /**
   * The caller went away, or its deadline passed: grpc-js has answered already. It says so of every call,
   * also of one that is through.
   */
  lost(): void {
    if (this.#ended) return;
    // A timer may fire a little before the clock says so.
    const late = this.deadlineMs !== undefined && Date.now() + 2 >= this.deadlineMs;
    this.abort(
      late
        ? new ServiceError('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'the deadline passed')
        : new ServiceError('CANCELLED', 'CANCELLED', 'the caller cancelled or is gone'),
    );
  }
}
