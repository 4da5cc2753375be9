import type { Database } from '@weft/chassis/data/database';
import { invalidArgument, ServiceError } from '@weft/chassis/errors';
import { fromMinor, toMinor } from '@weft/chassis/resource/money';
import { requestIdViolations } from '@weft/chassis/resource/text';
import { done, refused, type Saga } from '@weft/chassis/saga/saga';
import type { Handlers } from '@weft/chassis/server/implement';
import { requireUser } from '@weft/chassis/server/require-user';
import { WalletServiceService, type Wallet } from '@weft/proto/shop/identity/v1/wallet';
import { OrderSagaServiceService } from '@weft/proto/shop/ordering/v1/saga';
import type { Tables } from './tables.ts';
import { chargeViolations, currency, topUpViolations } from './wallet.ts';
import * as store from './wallet-store.ts';

/** The handlers of shop.identity.v1.WalletService: a person's wallet, and its part in the sagas of an order. */
export function walletService(
  database: Database<Tables>,
  saga: Saga<Tables>,
): Handlers<WalletServiceService> {
  return {
    async getWallet(_, context) {
      const { id } = requireUser(context);
      const balance = await store.balanceOf(database.kysely, id);
      if (balance === undefined) throw walletNotFound();
      return wallet(id, balance);
    },

    async topUp({ amount, requestId }, context) {
      const { id } = requireUser(context);
      const violations = [...topUpViolations(amount), ...requestIdViolations('request_id', requestId)];
      if (amount === undefined || violations.length > 0) throw invalidArgument(...violations);
      const amountMinor = toMinor(amount);
      const balance = await database.transaction(
        async (tx) => {
          const before = await store.lockBalance(tx, id);
          if (before === undefined) throw walletNotFound();
          // Under the wallet's lock, so the same request sent twice at once is seen too.
          const earlier = requestId === '' ? undefined : await store.topUpOf(tx, id, requestId);
          if (earlier !== undefined) {
            if (earlier.amountMinor !== amountMinor) throw requestIdReused();
            return earlier.balanceMinor;
          }
          const balanceMinor = before + amountMinor;
          const entry = { accountId: id, amountMinor, balanceMinor, requestId: requestId || undefined };
          if (!(await store.topUp(tx, entry))) throw balanceLimit();
          return balanceMinor;
        },
        { idempotent: requestId !== '' },
      );
      return wallet(id, balance);
    },

    charge: saga.step(
      WalletServiceService.charge,
      OrderSagaServiceService.confirm,
      async (tx, { amount, items }, { sagaId, userId }) => {
        const violations = chargeViolations(amount);
        if (amount === undefined || violations.length > 0) throw invalidArgument(...violations);
        const charged = await store.charge(tx, userId, sagaId, toMinor(amount));
        return charged ? done({ items, total: amount }) : refused('INSUFFICIENT_FUNDS');
      },
    ),
    refund: saga.undo(WalletServiceService.refund, (tx, { sagaId }) => store.refund(tx, sagaId)),
    refundOrder: saga.must(WalletServiceService.refundOrder, async (tx, { amount }, { sagaId, userId }) => {
      const violations = chargeViolations(amount);
      if (amount === undefined || violations.length > 0) throw invalidArgument(...violations);
      if (!(await store.refundOrder(tx, userId, sagaId, toMinor(amount)))) throw notRefundable();
    }),
    listWalletEvents: saga.log(WalletServiceService.listWalletEvents),
  };
}

function wallet(userId: string, balanceMinor: bigint): Wallet {
  return { userId, balance: fromMinor(balanceMinor, currency) };
}

function walletNotFound(): ServiceError {
  return new ServiceError('NOT_FOUND', 'WALLET_NOT_FOUND', 'there is no such wallet');
}

/** Money is never made: somebody has to look at what ordering and this ledger say of the order. */
function notRefundable(): ServiceError {
  return new ServiceError(
    'FAILED_PRECONDITION',
    'NOT_REFUNDABLE',
    'the order was not charged that amount, or is refunded',
  );
}

function requestIdReused(): ServiceError {
  return new ServiceError(
    'ALREADY_EXISTS',
    'IDEMPOTENCY_KEY_REUSED',
    'this request id was used for another amount',
  );
}

function balanceLimit(): ServiceError {
  return new ServiceError(
    'FAILED_PRECONDITION',
    'BALANCE_LIMIT_EXCEEDED',
    'the wallet would have more than it may',
  );
}
