import { createHash } from 'node:crypto';
import type { MethodDefinition } from '@grpc/grpc-js';
import { SagaFailure, type SagaMessage, type SagaReply } from '@weft/proto/weft/v1/saga';
import type { Transaction } from 'kysely';
import { sagaGraph } from './graph.ts';
import { forwardExpiryMs, readHeader, writeHeader } from './header.ts';
import type { OutgoingMessage } from './outbox.ts';
import { sagaRule, type SagaParts } from './parts.ts';
import { receive, type Message } from './receive.ts';
import type { Body, Done, Header, Refused, UnaryHandler, WithSaga } from './types.ts';

/** What a participant does about one of its steps beside running it. */
export interface StepRole<DB> {
  reverse?: (tx: Transaction<DB>, header: Header) => Promise<void>;
  seal?: (tx: Transaction<DB>, header: Header) => Promise<void>;
  /** The methods that carry the arbiter's decision, for the log. */
  readonly undoPath: string;
  readonly finalPath: string | undefined;
  readonly outcomePath: string;
}

/** A service's steps: the handlers that receive them, and the roles that the reconciler plays too. */
export class Participant<DB> {
  readonly #parts: SagaParts<DB>;
  readonly roles = new Map<string, StepRole<DB>>();

  constructor(parts: SagaParts<DB>) {
    this.#parts = parts;
  }

  step<Req extends WithSaga, Next extends WithSaga>(
    method: MethodDefinition<Req, SagaReply>,
    next: MethodDefinition<Next, SagaReply>,
    effect: (tx: Transaction<DB>, request: Req, header: Header) => Promise<Done<Body<Next>> | Refused>,
  ): UnaryHandler<Req, SagaReply> {
    const step = method.path;
    const rule = sagaRule(this.#parts.contract, step, 'STEP');
    if (rule.next !== next.path)
      throw new Error(`the contract has ${rule.next} after ${step}, not ${next.path}`);
    const { abort, outcome, start } = sagaGraph(this.#parts.contract, rule.name);
    const expiresInMs = (start.saga?.deadlineMs ?? 0) + forwardExpiryMs;
    this.#role(step);
    return (request, { caller }) => {
      const header = readHeader(request.saga, caller);
      const outgoing = { sagaId: header.sagaId, kind: 'step', actor: header.userId, expiresInMs } as const;
      const forward = (body: Body<Next>): OutgoingMessage => ({
        ...outgoing,
        step: next.path,
        path: next.path,
        // Omit<Next, 'saga'> and the header make a Next; the compiler cannot see it through the generic.
        payload: next.requestSerialize({ ...body, saga: writeHeader(header) } as unknown as Next),
      });
      const report = (reason: string): OutgoingMessage => ({
        ...outgoing,
        step,
        path: abort.path,
        payload: SagaFailure.encode({ saga: writeHeader(header), step: step.slice(1), reason }).finish(),
      });
      return receive(this.#parts, {
        kind: 'step',
        step,
        path: step,
        header,
        hashOfRequest: hashOf(method, request),
        effect: async (tx) => {
          const result = await effect(tx, request, header);
          return result.outcome === 'DONE'
            ? { messages: [forward(result.next)] }
            : { refusal: result.reason };
        },
        report,
        outcomePath: outcome.path,
      });
    };
  }

  undo(
    method: MethodDefinition<SagaMessage, SagaReply>,
    reverse: (tx: Transaction<DB>, header: Header) => Promise<void>,
  ): UnaryHandler<SagaMessage, SagaReply> {
    sagaRule(this.#parts.contract, method.path, 'UNDO');
    const step = this.#stepOf(method.path, 'undo');
    this.#role(step).reverse = reverse;
    return ({ saga }, { caller }) =>
      receive(this.#parts, this.undoMessage(step, method.path, readHeader(saga, caller)));
  }

  final(
    method: MethodDefinition<SagaMessage, SagaReply>,
    seal: (tx: Transaction<DB>, header: Header) => Promise<void>,
  ): UnaryHandler<SagaMessage, SagaReply> {
    sagaRule(this.#parts.contract, method.path, 'FINAL');
    const step = this.#stepOf(method.path, 'final');
    this.#role(step).seal = seal;
    return ({ saga }, { caller }) =>
      receive(this.#parts, this.finalMessage(step, method.path, readHeader(saga, caller)));
  }

  must<Req extends WithSaga>(
    method: MethodDefinition<Req, SagaReply>,
    effect: (tx: Transaction<DB>, request: Req, header: Header) => Promise<void>,
  ): UnaryHandler<Req, SagaReply> {
    const { path } = method;
    sagaRule(this.#parts.contract, path, 'MUST');
    return (request, { caller }) => {
      const header = readHeader(request.saga, caller);
      return receive(this.#parts, {
        kind: 'must',
        step: path,
        path,
        header,
        // When it was decided is not what is asked: decided again, after a backup, it is the same message.
        hashOfRequest: hashOf(method, { ...request, saga: writeHeader({ ...header, deadlineMs: 0 }) }),
        effect: async (tx) => {
          await effect(tx, request, header);
          return { messages: [] };
        },
      });
    };
  }

  /** The undo of a step, arrived through `path`. */
  undoMessage(step: string, path: string, header: Header): Message<DB> {
    const { reverse } = this.#role(step);
    const next = sagaRule(this.#parts.contract, step, 'STEP').next;
    return {
      kind: 'undo',
      step,
      path,
      header,
      reverse: async (tx) => reverse?.(tx, header),
      ...(next === undefined ? {} : { next }),
    };
  }

  /** The final of a step, arrived through `path`. */
  finalMessage(step: string, path: string, header: Header): Message<DB> {
    const { seal } = this.#role(step);
    return { kind: 'final', step, path, header, seal: async (tx) => seal?.(tx, header) };
  }

  #stepOf(path: string, role: 'undo' | 'final'): string {
    for (const method of this.#parts.contract.methods.values())
      if (method.saga?.kind === 'STEP' && method.saga[role] === path) return method.path;
    throw new Error(`${path} is the ${role} of no step`);
  }

  #role(step: string): StepRole<DB> {
    const known = this.roles.get(step);
    if (known !== undefined) return known;
    const rule = sagaRule(this.#parts.contract, step, 'STEP');
    const role: StepRole<DB> = {
      undoPath: rule.undo ?? step,
      finalPath: rule.final,
      outcomePath: sagaGraph(this.#parts.contract, rule.name).outcome.path,
    };
    this.roles.set(step, role);
    return role;
  }
}

function hashOf<Req>(method: MethodDefinition<Req, SagaReply>, request: Req): Buffer {
  return createHash('sha256').update(method.requestSerialize(request)).digest();
}
