import { sql, type Transaction } from 'kysely';
import { uuidToBytes } from '../data/uuid.ts';
import { SagaArbiter } from './arbiter.ts';
import { done, refused } from './saga.ts';
import { methods, type Toy } from './toy-contract.test.support.ts';
import type { Bank, Office, Store } from './toy-databases.test.support.ts';
import type { Serve } from './toy-shop.test.support.ts';
import type { Decision, Saga } from './types.ts';

interface Musts extends Readonly<Record<string, typeof methods.restock>> {
  readonly restock: typeof methods.restock;
  readonly repay: typeof methods.repay;
}

export interface OfficeParts {
  readonly arbiter: SagaArbiter<Office, Toy, Toy>;
  readonly decision: Decision<Office, Musts>;
}

/** Decides the orders. */
export function office(saga: Saga<Office>, serve: Serve): OfficeParts {
  const change = async (tx: Transaction<Office>, sagaId: string, status: string, reason: string) => {
    const { numUpdatedRows } = await tx
      .updateTable('orders')
      .set({ status, reason })
      .where('id', '=', uuidToBytes(sagaId))
      .where('status', '=', 'PENDING')
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  };
  const arbiter = saga.arbiter<Toy, Toy>({
    start: methods.order,
    next: methods.reserve,
    commit: methods.confirm,
    abort: methods.fail,
    outcome: methods.outcome,
    confirm: (tx, _, { sagaId }) => change(tx, sagaId, 'CONFIRMED', ''),
    reject: (tx, { sagaId }, reason) => change(tx, sagaId, 'REJECTED', reason),
  });
  serve(methods.confirm, arbiter.confirm);
  serve(methods.fail, arbiter.fail);
  serve(methods.outcome, arbiter.getOutcome);
  const musts: Musts = { restock: methods.restock, repay: methods.repay };
  if (!(arbiter instanceof SagaArbiter)) throw new TypeError('not the arbiter that can sweep');
  return { arbiter, decision: saga.decision(methods.cancel, musts) };
}

/** Holds pieces, and sells them when the order is confirmed. */
export function store(saga: Saga<Store>, serve: Serve): void {
  serve(
    methods.reserve,
    saga.step(methods.reserve, methods.charge, async (tx, { reason }, { sagaId }) => {
      const pieces = Number(reason);
      await tx
        .insertInto('hold')
        .values({ saga_id: uuidToBytes(sagaId), pieces })
        .execute();
      const { numUpdatedRows } = await tx
        .updateTable('stock')
        .set({ available: sql`available - ${pieces}`, reserved: sql`reserved + ${pieces}` })
        .where('available', '>=', pieces)
        .executeTakeFirst();
      return numUpdatedRows > 0n ? done({ step: '', reason }) : refused('OUT_OF_STOCK');
    }),
  );
  const end =
    (to: 'available' | 'sold') =>
    async (tx: Transaction<Store>, { sagaId }: { readonly sagaId: string }) => {
      const id = uuidToBytes(sagaId);
      const { pieces } = await tx
        .selectFrom('hold')
        .selectAll()
        .where('saga_id', '=', id)
        .executeTakeFirstOrThrow();
      await tx
        .updateTable('stock')
        .set({
          reserved: sql`reserved - ${pieces}`,
          ...(to === 'sold' ? {} : { available: sql`available + ${pieces}` }),
        })
        .execute();
      await tx.deleteFrom('hold').where('saga_id', '=', id).execute();
    };
  serve(methods.release, saga.undo(methods.release, end('available')));
  serve(methods.commit, saga.final(methods.commit, end('sold')));
  serve(
    methods.restock,
    saga.must(methods.restock, async (tx, { reason }) => {
      await tx
        .updateTable('stock')
        .set({ available: sql`available + ${Number(reason)}` })
        .execute();
    }),
  );
  serve(methods.storeLog, saga.log(methods.storeLog));
}

/** Charges wallets. */
export function bank(saga: Saga<Bank>, serve: Serve): void {
  serve(
    methods.charge,
    saga.step(methods.charge, methods.confirm, async (tx, { reason }, { sagaId, userId }) => {
      const amount = Number(reason);
      const { numUpdatedRows } = await tx
        .updateTable('wallet')
        .set({ balance: sql`balance - ${amount}` })
        .where('user_id', '=', userId)
        .where('balance', '>=', amount)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return refused('INSUFFICIENT_FUNDS');
      await tx
        .insertInto('charge')
        .values({ saga_id: uuidToBytes(sagaId), user_id: userId, amount })
        .execute();
      return done({ step: '', reason });
    }),
  );
  const pay = async (
    tx: Transaction<Bank>,
    { sagaId, userId }: { readonly sagaId: string; readonly userId: string },
  ) => {
    const id = uuidToBytes(sagaId);
    const { amount } = await tx
      .selectFrom('charge')
      .selectAll()
      .where('saga_id', '=', id)
      .executeTakeFirstOrThrow();
    await tx
      .updateTable('wallet')
      .set({ balance: sql`balance + ${amount}` })
      .where('user_id', '=', userId)
      .execute();
    await tx.deleteFrom('charge').where('saga_id', '=', id).execute();
  };
  serve(methods.refund, saga.undo(methods.refund, pay));
  serve(
    methods.repay,
    saga.must(methods.repay, (tx, _, header) => pay(tx, header)),
  );
}
