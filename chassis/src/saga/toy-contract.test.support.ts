import type { MethodDefinition } from '@grpc/grpc-js';
import { SagaFailure, SagaLog, SagaMessage, SagaOutcome, SagaReply } from '@weft/proto/weft/v1/saga';
import type { Contract, MethodRule, SagaKind, SagaRule } from '../contract.ts';

/** A request of the toy: SagaFailure, whose `reason` carries a number of pieces. */
export type Toy = SagaFailure;

interface Codec<T> {
  encode(value: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

function method<Req, Res>(path: string, req: Codec<Req>, res: Codec<Res>): MethodDefinition<Req, Res> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (value) => Buffer.from(req.encode(value).finish()),
    requestDeserialize: (bytes) => req.decode(bytes),
    responseSerialize: (value) => Buffer.from(res.encode(value).finish()),
    responseDeserialize: (bytes) => res.decode(bytes),
  };
}

export const methods = {
  order: method<Toy, SagaReply>('/toy.Office/Order', SagaFailure, SagaReply),
  reserve: method<Toy, SagaReply>('/toy.Store/Reserve', SagaFailure, SagaReply),
  release: method('/toy.Store/Release', SagaMessage, SagaReply),
  commit: method('/toy.Store/Commit', SagaMessage, SagaReply),
  storeLog: method('/toy.Store/Log', SagaMessage, SagaLog),
  charge: method<Toy, SagaReply>('/toy.Bank/Charge', SagaFailure, SagaReply),
  refund: method('/toy.Bank/Refund', SagaMessage, SagaReply),
  confirm: method<Toy, SagaReply>('/toy.Office/Confirm', SagaFailure, SagaReply),
  fail: method('/toy.Office/Fail', SagaFailure, SagaReply),
  outcome: method('/toy.Office/GetOutcome', SagaMessage, SagaOutcome),
  cancel: method('/toy.Office/Cancel', SagaMessage, SagaReply),
  restock: method<Toy, SagaReply>('/toy.Store/Restock', SagaFailure, SagaReply),
  repay: method<Toy, SagaReply>('/toy.Bank/Repay', SagaFailure, SagaReply),
};

/** The toy's contract: Order → Reserve → Charge → Confirm, and Cancel with its Restock and Repay. */
export function toyContract(deadlineMs = 30_000): Contract {
  const rule = (path: string, servedBy: string, kind: SagaKind, rest: Partial<SagaRule> = {}): MethodRule =>
    ({
      path,
      service: path.slice(1, path.indexOf('/', 1)),
      servedBy,
      access: { kind: 'public' },
      maxAttempts: 1,
      idempotent: false,
      streaming: false,
      saga: { name: 'toy', kind, ...rest },
    }) as Partial<MethodRule> as MethodRule;
  const m = methods;
  const rules = [
    rule(m.order.path, 'office', 'START', { next: m.reserve.path, deadlineMs }),
    rule(m.reserve.path, 'store', 'STEP', {
      next: m.charge.path,
      undo: m.release.path,
      final: m.commit.path,
    }),
    rule(m.release.path, 'store', 'UNDO'),
    rule(m.commit.path, 'store', 'FINAL'),
    rule(m.storeLog.path, 'store', 'LOG'),
    rule(m.charge.path, 'bank', 'STEP', { next: m.confirm.path, undo: m.refund.path }),
    rule(m.refund.path, 'bank', 'UNDO'),
    rule(m.confirm.path, 'office', 'COMMIT'),
    rule(m.fail.path, 'office', 'ABORT'),
    rule(m.outcome.path, 'office', 'OUTCOME'),
    rule(m.cancel.path, 'office', 'DECIDE', { name: 'toy-cancel', must: [m.restock.path, m.repay.path] }),
    rule(m.restock.path, 'store', 'MUST', { name: 'toy-cancel' }),
    rule(m.repay.path, 'bank', 'MUST', { name: 'toy-cancel' }),
  ];
  return { methods: new Map(rules.map((each) => [each.path, each])) } as Partial<Contract> as Contract;
}
