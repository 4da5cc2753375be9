import {
  SagaOutcome_Decision as Decision,
  SagaReply,
  SagaReply_Outcome as Outcome,
} from '@weft/proto/weft/v1/saga';
import type { Transaction } from 'kysely';
import { afterCommit } from '../data/database.ts';
import { ServiceError } from '../errors.ts';
import { failpoint } from './failpoints.ts';
import { lockFence, writeFence, type Fence } from './fence.ts';
import { forwardExpiryMs, messageId } from './header.ts';
import { appendLog, parseTime } from './log.ts';
import { countAlarm, countReceived } from './metrics.ts';
import { insertMessages, takeBack, type OutgoingMessage } from './outbox.ts';
import { askOutcome } from './outcome.ts';
import type { SagaParts } from './parts.ts';
import { perform, transitions, type MessageKind, type StepState, type Transition } from './transitions.ts';
import type { Header } from './types.ts';

/** What an effect comes to: the messages that go on, or why a step refuses. */
export type EffectResult = { readonly messages: readonly OutgoingMessage[] } | { readonly refusal: string };

/** A message about one step, and what its participant does about it. */
export interface Message<DB> {
  readonly kind: MessageKind;
  /** The step it is about. */
  readonly step: string;
  /** The method it came through. */
  readonly path: string;
  readonly header: Header;
  readonly hashOfRequest?: Buffer;
  readonly effect?: (tx: Transaction<DB>) => Promise<EffectResult>;
  /** The message that tells the arbiter of a refusal. */
  readonly report?: (reason: string) => OutgoingMessage;
  readonly reverse?: (tx: Transaction<DB>) => Promise<void>;
  readonly seal?: (tx: Transaction<DB>) => Promise<void>;
  /** The step after this one, whose message an undo takes back. */
  readonly next?: string;
  /** Of a message that expires: where to ask whether its saga is decided. Absent: it does not expire. */
  readonly outcomePath?: string;
}

/** The reason of the FAILED_PRECONDITION that answers a message which must not exist; its sender parks it. */
export const alarmReason = 'SAGA_ALARM';

/** Ends the transaction, so that nothing a refusing effect wrote stays. */
class RefusalSignal extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

/** Ends the transaction, so that the arbiter is asked outside of it. */
class ExpiredSignal extends Error {}

const ok: SagaReply = { outcome: Outcome.DONE, reason: '' };

/**
 * Receives a message in one transaction: locks the step's fence, does what the table says, and records
 * the change with its log row and the messages that follow. They are sent as soon as it has committed.
 * A refusal takes a second transaction: the first is rolled back with all that the effect wrote.
 *
 * A step that never ran, long after its deadline by this database's clock, does not run any more: its undo may
 * have come and gone. Only the arbiter's clock counts, so it is asked first. Where it has not decided yet, its
 * clock and ours differ: an alarm, and the step runs, since every undo is still to come.
 *
 * Fails with INVALID_ARGUMENT (reason SAGA_PAYLOAD_CHANGED) when the same step comes again with another
 * request, and with FAILED_PRECONDITION (SAGA_ALARM) when the table says alarm.
 */
export async function receive<DB>(parts: SagaParts<DB>, message: Message<DB>): Promise<SagaReply> {
  try {
    return await receiveOnce(parts, message);
  } catch (error) {
    if (error instanceof ExpiredSignal) return receiveLate(parts, message);
    if (!(error instanceof RefusalSignal)) throw error;
    const { reason } = error;
    return receiveOnce(parts, { ...message, effect: async () => ({ refusal: reason }) }, true);
  }
}

async function receiveLate<DB>(parts: SagaParts<DB>, message: Message<DB>): Promise<SagaReply> {
  const { outcomePath = '', ...unexpiring } = message;
  const { header, step } = message;
  const decision = await askOutcome(parts, outcomePath, header);
  if (decision !== Decision.PENDING) return { outcome: Outcome.CANCELLED, reason: 'EXPIRED' };
  countAlarm('clock');
  const { sagaId, peer } = header;
  parts.logger.error(
    { alarm: true, sagaId, step, peer, deadline: new Date(header.deadlineMs) },
    "this database's clock is far ahead of the arbiter's",
  );
  return receive(parts, unexpiring);
}

async function receiveOnce<DB>(
  parts: SagaParts<DB>,
  message: Message<DB>,
  refused = false,
): Promise<SagaReply> {
  const { kind, step } = message;
  const { reply, action, state } = await parts.database.transaction(
    async (tx) => {
      const received = await receiveWithin(parts, tx, message, refused);
      await failpoint('commit.before', message.path);
      return received;
    },
    { idempotent: true },
  );
  await failpoint('commit.after', message.path);
  countReceived(step, kind, action);
  if (reply !== undefined) return reply;
  countAlarm('impossible-message');
  const { sagaId, peer } = message.header;
  parts.logger.error(
    { alarm: true, sagaId, step, kind, state, peer },
    'a message of a saga came that must not exist',
  );
  throw new ServiceError('FAILED_PRECONDITION', alarmReason, `${kind} of ${step} came in state ${state}`);
}

/**
 * The same within `tx`, whose commit sends what follows. Answers what the table said to do in which state; an
 * alarm has no reply.
 */
export async function receiveWithin<DB>(
  parts: SagaParts<DB>,
  tx: Transaction<DB>,
  message: Message<DB>,
  refused = false,
): Promise<{
  readonly reply: SagaReply | undefined;
  readonly action: Transition['action'];
  readonly state: StepState;
}> {
  const { kind, step, header, hashOfRequest } = message;
  const fence = await lockFence(tx, step, header);
  if (fence.hashOfRequest && hashOfRequest && !fence.hashOfRequest.equals(hashOfRequest))
    throw new ServiceError(
      'INVALID_ARGUMENT',
      'SAGA_PAYLOAD_CHANGED',
      `${step} came before with another request`,
    );
  const transition = transitions[kind][fence.state];
  const reply = await perform(transition, new InTransaction(parts, tx, message, fence, refused));
  return { reply, action: transition.action, state: fence.state };
}

/** One message in its transaction. An alarm answers undefined. */
class InTransaction<DB> {
  readonly #parts: SagaParts<DB>;
  readonly #tx: Transaction<DB>;
  readonly #message: Message<DB>;
  readonly #fence: Fence;
  readonly #refused: boolean;
  #following: readonly OutgoingMessage[] = [];

  constructor(
    parts: SagaParts<DB>,
    tx: Transaction<DB>,
    message: Message<DB>,
    fence: Fence,
    refused: boolean,
  ) {
    this.#parts = parts;
    this.#tx = tx;
    this.#message = message;
    this.#fence = fence;
    this.#refused = refused;
  }

  async effect(): Promise<string | undefined> {
    const { effect, header, outcomePath } = this.#message;
    if (outcomePath !== undefined && parseTime(this.#fence.at) > header.deadlineMs + forwardExpiryMs)
      throw new ExpiredSignal();
    const result = await effect?.(this.#tx);
    if (result === undefined) return undefined;
    if ('messages' in result) {
      this.#following = result.messages;
      return undefined;
    }
    if (!this.#refused) throw new RefusalSignal(result.refusal);
    return result.refusal;
  }

  async reverse(): Promise<void> {
    const { reverse, next, header } = this.#message;
    await reverse?.(this.#tx);
    if (next !== undefined) await takeBack(this.#tx, header.sagaId, next);
  }

  async seal(): Promise<void> {
    await this.#message.seal?.(this.#tx);
  }

  async change(to: StepState, refusal: string | undefined): Promise<SagaReply> {
    const { kind, step, path, header, hashOfRequest, report } = this.#message;
    const reply = refusal === undefined ? ok : { outcome: Outcome.REFUSED, reason: refusal };
    const record = { state: to, forEver: kind === 'must', ...(kind === 'step' ? { result: reply } : {}) };
    await writeFence(
      this.#tx,
      step,
      header,
      hashOfRequest === undefined ? record : { ...record, hashOfRequest },
    );
    await appendLog(
      this.#tx,
      {
        sagaId: header.sagaId,
        step,
        from: this.#fence.state,
        to,
        reason: refusal ?? '',
        messageId: messageId(header.sagaId, step, path),
        attempt: this.#fence.seen,
        peer: header.peer,
        instance: this.#parts.instanceId,
      },
      this.#fence,
    );
    const refusals = refusal === undefined || report === undefined ? [] : [report(refusal)];
    const rows = await insertMessages(this.#tx, [...this.#following, ...refusals]);
    if (rows.length > 0) afterCommit(this.#tx, () => this.#parts.dispatch(rows));
    return reply;
  }

  stored(): SagaReply {
    const { result } = this.#fence;
    return result === null ? ok : SagaReply.decode(result);
  }

  cancelled(): SagaReply {
    return { outcome: Outcome.CANCELLED, reason: '' };
  }

  nothing(): SagaReply {
    return ok;
  }

  alarm(): undefined {
    return undefined;
  }
}
