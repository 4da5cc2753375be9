import type { MethodDefinition } from '@grpc/grpc-js';
import type {
  SagaEvent,
  SagaFailure,
  SagaHeader,
  SagaLog,
  SagaMessage,
  SagaOutcome,
  SagaReply,
} from '@weft/proto/weft/v1/saga';
import type { Transaction } from 'kysely';
import type { CallContext } from '../call-context.ts';
import type { Implementation } from '../server/implement.ts';
import type { Books } from './books.ts';

/** A unary handler, as `implement` takes it. */
export type UnaryHandler<Req, Res> = (request: Req, context: CallContext) => Promise<Res>;

/** Every request of a saga has the header as its field 1 (the contract is checked for it). */
export interface WithSaga {
  saga: SagaHeader | undefined;
}

/** The parsed header of a message. */
export interface Header {
  /** A UUID. */
  readonly sagaId: string;
  readonly userId: string;
  /** When the arbiter gives up, in Unix milliseconds; only the arbiter's clock decides it. */
  readonly deadlineMs: number;
  /** The workload that sent the message, from its certificate. */
  readonly peer: string;
}

/** A step's effect is there; `next` is what the following method is told. The chassis adds the header. */
export interface Done<Next> {
  readonly outcome: 'DONE';
  readonly next: Next;
}

/** A step refuses, for a reason in UPPER_SNAKE_CASE. What its effect wrote is rolled back. */
export interface Refused {
  readonly outcome: 'REFUSED';
  readonly reason: string;
}

/** A request without its header. */
export type Body<Req> = Omit<Req, 'saga'>;

/**
 * A service's part in its sagas. The fence, the outbox and the log are inside the handlers that it
 * makes, and cannot be forgotten.
 */
export interface Saga<DB> {
  /**
   * The handler of a STEP. `effect` runs at most once per saga with an effect, in the transaction that
   * also records the step and queues the call to `next`. It answers `done(body of next)` or
   * `refused(reason)`; an error rolls everything back and the sender tries again. Its guards belong in
   * the WHERE clause (`available >= ?`). It must call nothing outside the transaction: it may be rerun.
   */
  step<Req extends WithSaga, Next extends WithSaga>(
    method: MethodDefinition<Req, SagaReply>,
    next: MethodDefinition<Next, SagaReply>,
    effect: (tx: Transaction<DB>, request: Req, header: Header) => Promise<Done<Body<Next>> | Refused>,
  ): UnaryHandler<Req, SagaReply>;
  /** The handler of an UNDO. `reverse` runs once, and only if the step was done. */
  undo(
    method: MethodDefinition<SagaMessage, SagaReply>,
    reverse: (tx: Transaction<DB>, header: Header) => Promise<void>,
  ): UnaryHandler<SagaMessage, SagaReply>;
  /** The handler of a FINAL. `seal` runs once, after the saga was committed. */
  final(
    method: MethodDefinition<SagaMessage, SagaReply>,
    seal: (tx: Transaction<DB>, header: Header) => Promise<void>,
  ): UnaryHandler<SagaMessage, SagaReply>;
  /**
   * The handler of a MUST. `effect` runs once, in the transaction that records it, whenever after the decision
   * it comes: it may overtake the finals of the saga before. It may not refuse: an error rolls it back, the
   * sender tries again, and after some attempts parks the message with an alarm.
   */
  must<Req extends WithSaga>(
    method: MethodDefinition<Req, SagaReply>,
    effect: (tx: Transaction<DB>, request: Req, header: Header) => Promise<void>,
  ): UnaryHandler<Req, SagaReply>;
  /** The handler of a LOG: this service's events of a saga. */
  log(method: MethodDefinition<SagaMessage, SagaLog>): UnaryHandler<SagaMessage, SagaLog>;
  /** Makes this service the arbiter of the saga whose START method is `options.start`. */
  arbiter<Next extends WithSaga, Commit extends WithSaga>(
    options: ArbiterOptions<DB, Next, Commit>,
  ): Arbiter<DB, Next, Commit>;
  /**
   * Makes this service the one that decides `method`, a DECIDE. `musts` are the methods that the contract
   * lists as its `must`, all of them, each under a name of its own; anything else throws.
   */
  decision<Musts extends MustMethods>(method: { readonly path: string }, musts: Musts): Decision<DB, Musts>;
  /** Tells what the service's own tables say of its sagas: for the auditor, and for the metric `weft.saga.drift`. */
  audit(books: Books<DB>): void;
  /** weft.v1.SagaOperationsService, for operators; runService serves it. */
  readonly operations: Implementation;
  /** This service's own events of a saga, oldest first. */
  events(sagaId: string): Promise<SagaEvent[]>;
  /** Starts the relay, the sweeper and the reconciler. Throws if a method of the contract has no handler. */
  run(): void;
  /** Asks the arbiters now about steps that are due; `run` does so by itself. Answers about how many it asked. */
  reconcile(): Promise<number>;
  /** Stops them and waits for the sends in flight, at most `timeoutMs` (default 5000). */
  stop(timeoutMs?: number): Promise<void>;
}

/** A MUST as a decision needs it: where it is, and how its request is written. */
export interface MustMethod<Req> {
  readonly path: string;
  readonly requestSerialize: (request: Req) => Buffer;
}

/** The methods that must follow a decision, each under a name of the service's choice. */
export type MustMethods = Readonly<Record<string, MustMethod<never>>>;

/** What each must is told: its request without the header. */
export type MustBodies<Musts extends MustMethods> = {
  readonly [Name in keyof Musts]: Musts[Name] extends MustMethod<infer Req> ? Body<Req> : never;
};

/** Decides at once what nobody may refuse, such as to cancel an order that is confirmed. */
export interface Decision<DB, Musts extends MustMethods> {
  /**
   * Decides within the service's own transaction. `change` is the compare-and-set on the service's own row
   * (`… SET status = 'CANCELLED' WHERE id = ? AND status = 'CONFIRMED'`); it answers what each must is told,
   * or undefined if no row changed. The messages, the log and the record of the decision are in `tx`, and the
   * messages go out as soon as it has committed. Answers whether it was decided now.
   *
   * `sagaId` may be that of the saga before: fences are per method, and the logs of both become one.
   */
  decide(
    tx: Transaction<DB>,
    saga: { readonly sagaId: string; readonly userId: string },
    change: () => Promise<MustBodies<Musts> | undefined>,
  ): Promise<boolean>;
}

/** What a service supplies as the arbiter: its own row decides, by compare-and-set. */
export interface ArbiterOptions<DB, Next extends WithSaga, Commit extends WithSaga> {
  /** The START method, for its place in the contract. */
  readonly start: { readonly path: string };
  /** The first step. */
  readonly next: MethodDefinition<Next, SagaReply>;
  readonly commit: MethodDefinition<Commit, SagaReply>;
  readonly abort: MethodDefinition<SagaFailure, SagaReply>;
  readonly outcome: MethodDefinition<SagaMessage, SagaOutcome>;
  /**
   * The saga holds: `UPDATE orders SET status = 'CONFIRMED', … WHERE id = ? AND status = 'PENDING'`.
   * Answers whether a row changed. In the same transaction the chassis queues the finals of all participants.
   */
  readonly confirm: (tx: Transaction<DB>, request: Commit, header: Header) => Promise<boolean>;
  /**
   * The saga does not hold, for `reason` (a step's refusal, or DEADLINE_EXCEEDED): PENDING → REJECTED.
   * Answers whether a row changed. In the same transaction the chassis queues the undos of all participants.
   */
  readonly reject: (tx: Transaction<DB>, header: Header, reason: string) => Promise<boolean>;
}

/** The arbiter of one saga. */
export interface Arbiter<DB, Next extends WithSaga, Commit extends WithSaga> {
  /**
   * Opens a saga in the transaction that inserts the service's own row: its saga row and the first
   * step's message, which is sent as soon as `tx` has committed. `next` is the first step's request
   * without its header. The deadline comes from the contract, counted by the database's clock.
   */
  start(
    tx: Transaction<DB>,
    saga: { readonly sagaId: string; readonly userId: string },
    next: Body<Next>,
  ): Promise<Header>;
  /**
   * Aborts a pending saga within the service's own transaction, for a person's cancel: locks the saga
   * row, then runs `decide` (the compare-and-set on the service's own row) and, if that changed a row,
   * queues the undos of all participants. Answers whether it did; false means that the saga is decided
   * already or unknown. Call it before `tx` locks the service's own row (Confirm locks in that order).
   */
  abort(
    tx: Transaction<DB>,
    sagaId: string,
    reason: string,
    decide: () => Promise<boolean>,
  ): Promise<boolean>;
  /** The handler of COMMIT. After an abort it answers CANCELLED, without effect. */
  readonly confirm: UnaryHandler<Commit, SagaReply>;
  /** The handler of ABORT. */
  readonly fail: UnaryHandler<SagaFailure, SagaReply>;
  /** The handler of OUTCOME. */
  readonly getOutcome: UnaryHandler<SagaMessage, SagaOutcome>;
}
