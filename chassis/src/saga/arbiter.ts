import type { MethodDefinition } from '@grpc/grpc-js';
import {
  SagaMessage,
  SagaOutcome_Decision as Decision,
  SagaReply_Outcome as Outcome,
  type SagaFailure,
  type SagaOutcome,
  type SagaReply,
} from '@weft/proto/weft/v1/saga';
import type { Transaction } from 'kysely';
import { afterCommit } from '../data/database.ts';
import { invalidArgument, ServiceError } from '../errors.ts';
import { failpoint } from './failpoints.ts';
import { sagaGraph, type SagaGraph } from './graph.ts';
import { forwardExpiryMs, isReason, messageId, readHeader, writeHeader } from './header.ts';
import { appendLog, parseTime } from './log.ts';
import { insertMessages, takeBack, type OutgoingMessage } from './outbox.ts';
import { sagaRule, type SagaParts } from './parts.ts';
import {
  dueSagas,
  insertSaga,
  lockSaga,
  readDecision,
  writeDecision,
  type Decided,
  type SagaRow,
} from './saga-row.ts';
import type { Arbiter, ArbiterOptions, Body, Header, WithSaga } from './types.ts';

/** The reason of a saga that nobody decided in time. */
export const deadlineReason = 'DEADLINE_EXCEEDED';

/** How many sagas one sweep aborts at most. */
const sweepLimit = 64;

/**
 * Decides one saga: whoever changes the service's own row first, commit or abort, has decided; the same
 * transaction queues the message that tells every participant.
 */
export class SagaArbiter<DB, Next extends WithSaga, Commit extends WithSaga> implements Arbiter<
  DB,
  Next,
  Commit
> {
  readonly #parts: SagaParts<DB>;
  readonly #options: ArbiterOptions<DB, Next, Commit>;
  readonly #graph: SagaGraph;
  readonly #deadlineMs: number;
  /** So many due sagas, all of a sweep, could not be aborted: the next sweep looks beyond them. */
  #passedOver = 0;

  constructor(parts: SagaParts<DB>, options: ArbiterOptions<DB, Next, Commit>) {
    const start = sagaRule(parts.contract, options.start.path, 'START');
    if (start.next !== options.next.path)
      throw new Error(`the contract has ${start.next} after ${options.start.path}, not ${options.next.path}`);
    if (start.deadlineMs === undefined) throw new Error(`${options.start.path} has no deadline`);
    const expected: readonly [MethodDefinition<never, never> | { readonly path: string }, string][] = [
      [options.commit, 'COMMIT'],
      [options.abort, 'ABORT'],
      [options.outcome, 'OUTCOME'],
    ];
    for (const [{ path }, kind] of expected) sagaRule(parts.contract, path, kind);
    this.#parts = parts;
    this.#options = options;
    this.#graph = sagaGraph(parts.contract, start.name);
    this.#deadlineMs = start.deadlineMs;
  }

  async start(
    tx: Transaction<DB>,
    { sagaId, userId }: { readonly sagaId: string; readonly userId: string },
    next: Body<Next>,
  ): Promise<Header> {
    const { path } = this.#options.next;
    const { deadlineMs, at } = await insertSaga(
      tx,
      { sagaId, userId, name: this.#graph.name },
      this.#deadlineMs,
    );
    const header: Header = { sagaId, userId, deadlineMs, peer: this.#parts.workload };
    await this.#log(
      tx,
      header,
      { from: 'NEW', to: 'DONE', path: this.#options.start.path },
      { seq: null, hash: null, at },
    );
    await this.#queue(tx, [
      {
        sagaId,
        step: path,
        path,
        kind: 'step',
        actor: userId,
        expiresInMs: this.#deadlineMs + forwardExpiryMs,
        // Omit<Next, 'saga'> and the header make a Next; the compiler cannot see it through the generic.
        payload: this.#options.next.requestSerialize({
          ...next,
          saga: writeHeader(header),
        } as unknown as Next),
      },
    ]);
    await failpoint('commit.before', this.#options.start.path);
    return header;
  }

  async abort(
    tx: Transaction<DB>,
    sagaId: string,
    reason: string,
    decide: () => Promise<boolean>,
  ): Promise<boolean> {
    if (!isReason(reason)) throw new TypeError(`not a reason in UPPER_SNAKE_CASE: ${reason}`);
    const row = await lockSaga(tx, this.#graph.name, sagaId);
    if (row?.state !== 'PENDING' || !(await decide())) return false;
    await this.#aborted(
      tx,
      row,
      headerOf(sagaId, row, this.#parts.workload),
      reason,
      this.#options.start.path,
    );
    await failpoint('commit.before', 'abort');
    return true;
  }

  readonly confirm = async (request: Commit, { caller }: { readonly caller: string }): Promise<SagaReply> => {
    const header = readHeader(request.saga, caller);
    return this.#decide(header, 'COMMITTED', this.#options.commit.path, async (tx, row) => {
      if (!(await this.#options.confirm(tx, request, header))) throw undecided(header);
      await writeDecision(tx, header.sagaId, 'COMMITTED', '');
      await this.#log(tx, header, { from: 'DONE', to: 'COMMITTED', path: this.#options.commit.path }, row);
      const finals = this.#graph.steps.flatMap((step) =>
        step.saga?.final === undefined ? [] : [decision('final', step.path, step.saga.final, header)],
      );
      await this.#queue(tx, finals);
    });
  };

  readonly fail = async (
    request: SagaFailure,
    { caller }: { readonly caller: string },
  ): Promise<SagaReply> => {
    const header = readHeader(request.saga, caller);
    if (!isReason(request.reason))
      throw invalidArgument({
        field: 'reason',
        description: 'must be UPPER_SNAKE_CASE, 64 characters at most',
      });
    return this.#decide(header, 'ABORTED', this.#options.abort.path, async (tx, row) => {
      if (!(await this.#options.reject(tx, header, request.reason))) throw undecided(header);
      await this.#aborted(tx, row, header, request.reason, this.#options.abort.path);
    });
  };

  readonly getOutcome = async (
    { saga }: SagaMessage,
    { caller }: { readonly caller: string },
  ): Promise<SagaOutcome> => {
    const { sagaId } = readHeader(saga, caller);
    const state = await readDecision(this.#parts.database.kysely, this.#graph.name, sagaId);
    return { decision: state === undefined ? Decision.UNKNOWN : Decision[state] };
  };

  /**
   * Aborts the sagas whose deadline has passed by the database's clock, up to 64; answers whether there
   * may be more. One that another instance or a decision has locked is passed over.
   */
  async sweep(): Promise<boolean> {
    const { kysely } = this.#parts.database;
    const page = { limit: sweepLimit, offset: this.#passedOver };
    const due = await dueSagas(kysely, this.#graph.name, this.#deadlineMs, page);
    let aborted = 0;
    for (const sagaId of due)
      try {
        if (!(await this.#expire(sagaId))) continue;
        await failpoint('commit.after', 'sweep');
        aborted++;
      } catch (error) {
        // One that cannot be aborted does not keep the others waiting.
        this.#parts.logger.error({ sagaId, err: error }, 'a saga past its deadline could not be aborted');
      }
    const full = due.length === sweepLimit;
    this.#passedOver = full && aborted === 0 ? this.#passedOver + sweepLimit : 0;
    return full && aborted > 0;
  }

  /** Answers whether it did. */
  #expire(sagaId: string): Promise<boolean> {
    return this.#parts.database.transaction(
      async (tx) => {
        const row = await lockSaga(tx, this.#graph.name, sagaId, { skipLocked: true });
        if (row?.state !== 'PENDING') return false;
        const header = headerOf(sagaId, row, this.#parts.workload);
        if (!(await this.#options.reject(tx, header, deadlineReason))) throw undecided(header);
        await this.#aborted(tx, row, header, deadlineReason, this.#options.start.path);
        await failpoint('commit.before', 'sweep');
        return true;
      },
      { idempotent: true },
    );
  }

  /** Runs `work` if the saga is pending; else answers DONE if that was decided before, and CANCELLED if not. */
  async #decide(
    header: Header,
    wanted: Decided,
    path: string,
    work: (tx: Transaction<DB>, row: SagaRow) => Promise<void>,
  ): Promise<SagaReply> {
    const reply = await this.#parts.database.transaction(
      async (tx) => {
        const row = await lockSaga(tx, this.#graph.name, header.sagaId);
        if (row === undefined)
          throw new ServiceError('FAILED_PRECONDITION', 'SAGA_UNKNOWN', `there is no saga ${header.sagaId}`);
        if (row.state === 'PENDING') await work(tx, row);
        else if (row.state !== wanted) return { outcome: Outcome.CANCELLED, reason: row.reason };
        await failpoint('commit.before', path);
        return { outcome: Outcome.DONE, reason: '' };
      },
      { idempotent: true },
    );
    await failpoint('commit.after', path);
    return reply;
  }

  /** Always to the saga's static set of participants, never only to those heard from. */
  async #aborted(
    tx: Transaction<DB>,
    row: SagaRow,
    header: Header,
    reason: string,
    path: string,
  ): Promise<void> {
    await writeDecision(tx, header.sagaId, 'ABORTED', reason);
    await this.#log(tx, header, { from: 'DONE', to: 'COMPENSATED', path, reason }, row);
    await takeBack(tx, header.sagaId, this.#options.next.path);
    const undos = this.#graph.steps.flatMap((step) =>
      step.saga?.undo === undefined ? [] : [decision('undo', step.path, step.saga.undo, header)],
    );
    await this.#queue(tx, undos);
  }

  async #queue(tx: Transaction<DB>, messages: readonly OutgoingMessage[]): Promise<void> {
    const rows = await insertMessages(tx, messages);
    afterCommit(tx, () => this.#parts.dispatch(rows));
  }

  #log(
    tx: Transaction<DB>,
    header: Header,
    change: { from: string; to: string; path: string; reason?: string },
    tail: Pick<SagaRow, 'seq' | 'hash' | 'at'>,
  ): Promise<void> {
    const { from, to, path, reason = '' } = change;
    const step = this.#options.start.path;
    return appendLog(
      tx,
      {
        sagaId: header.sagaId,
        step,
        from,
        to,
        reason,
        messageId: messageId(header.sagaId, step, path),
        attempt: 1,
        peer: header.peer,
        instance: this.#parts.instanceId,
      },
      tail,
    );
  }
}

function decision(kind: 'undo' | 'final', step: string, path: string, header: Header): OutgoingMessage {
  const payload = SagaMessage.encode({ saga: writeHeader(header) }).finish();
  return { sagaId: header.sagaId, step, path, kind, payload, actor: header.userId };
}

function headerOf(sagaId: string, row: SagaRow, peer: string): Header {
  return { sagaId, userId: row.userId, deadlineMs: parseTime(row.deadline), peer };
}

/** The service's row and the saga's disagree: the service has changed its row without the arbiter. */
function undecided({ sagaId }: Header): Error {
  return new Error(`saga ${sagaId} is pending, but the service's own row is not`);
}
