import { defer } from '@weft/chassis/data/statement';
import { uuidToBytes } from '@weft/chassis/data/uuid';
import type { Insertable, Kysely, Transaction } from 'kysely';
import type { LedgerTable, Tables } from './tables.ts';
import { currency, maxBalanceMinor } from './wallet.ts';

type Tx = Transaction<Tables>;

/** Inserts an empty wallet. */
export async function insertWallet(tx: Tx, accountId: string): Promise<void> {
  const key = uuidToBytes(accountId);
  await tx.insertInto('wallet').values({ account_id: key, balance_minor: '0', currency }).execute();
}

/** The balance in minor units, if there is such a wallet. */
export async function balanceOf(db: Kysely<Tables>, accountId: string): Promise<bigint | undefined> {
  const select = db
    .selectFrom('wallet')
    .select('balance_minor')
    .where('account_id', '=', uuidToBytes(accountId));
  const row = await select.executeTakeFirst();
  return row && BigInt(row.balance_minor);
}

/** Locks the wallet until the transaction ends. */
export async function lockBalance(tx: Tx, accountId: string): Promise<bigint | undefined> {
  const row = await tx
    .selectFrom('wallet')
    .select('balance_minor')
    .where('account_id', '=', uuidToBytes(accountId))
    .forUpdate()
    .executeTakeFirst();
  return row && BigInt(row.balance_minor);
}

/** The top-up that a request made before: its amount, and the balance that it led to. */
export async function topUpOf(
  tx: Tx,
  accountId: string,
  requestId: string,
): Promise<{ readonly amountMinor: bigint; readonly balanceMinor: bigint } | undefined> {
  const row = await tx
    .selectFrom('ledger')
    .select(['amount_minor', 'balance_minor'])
    .where('account_id', '=', uuidToBytes(accountId))
    .where('request_id', '=', Buffer.from(requestId))
    .executeTakeFirst();
  return row && { amountMinor: BigInt(row.amount_minor), balanceMinor: BigInt(row.balance_minor ?? 0) };
}

/** Puts money in. False when the balance would be above the most that a wallet may have. */
export async function topUp(
  tx: Tx,
  entry: { accountId: string; amountMinor: bigint; balanceMinor: bigint; requestId: string | undefined },
): Promise<boolean> {
  const { accountId, amountMinor, balanceMinor, requestId } = entry;
  const { numUpdatedRows } = await tx
    .updateTable('wallet')
    .set((eb) => ({ balance_minor: eb('balance_minor', '+', amountMinor.toString()) }))
    .where('account_id', '=', uuidToBytes(accountId))
    .where('balance_minor', '<=', (maxBalanceMinor - amountMinor).toString())
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) return false;
  await record(tx, {
    account_id: uuidToBytes(accountId),
    kind: 'TOP_UP',
    amount_minor: amountMinor.toString(),
    saga_id: null,
    request_id: requestId === undefined ? null : Buffer.from(requestId),
    balance_minor: balanceMinor.toString(),
    created_at: new Date(),
  });
  return true;
}

/** Takes the amount of an order. False when the wallet has less, or there is none. */
export async function charge(
  tx: Tx,
  accountId: string,
  sagaId: string,
  amountMinor: bigint,
): Promise<boolean> {
  const key = uuidToBytes(accountId);
  const { numUpdatedRows } = await tx
    .updateTable('wallet')
    .set((eb) => ({ balance_minor: eb('balance_minor', '-', amountMinor.toString()) }))
    .where('account_id', '=', key)
    .where('balance_minor', '>=', amountMinor.toString())
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) return false;
  await record(tx, sagaEntry(key, sagaId, 'CHARGE', -amountMinor));
  return true;
}

/** Gives back what the order was charged. */
export async function refund(tx: Tx, sagaId: string): Promise<void> {
  const charged = await tx
    .selectFrom('ledger')
    .select(['account_id', 'amount_minor'])
    .where('saga_id', '=', uuidToBytes(sagaId))
    .where('kind', '=', 'CHARGE')
    .executeTakeFirstOrThrow();
  const amountMinor = -BigInt(charged.amount_minor);
  await tx
    .updateTable('wallet')
    .set((eb) => ({ balance_minor: eb('balance_minor', '+', amountMinor.toString()) }))
    .where('account_id', '=', charged.account_id)
    .execute();
  await record(tx, sagaEntry(charged.account_id, sagaId, 'REFUND', amountMinor));
}

/**
 * Gives back the total of an order that was paid. False when this wallet was not charged that amount for it, or
 * was refunded before. An undo and this are both a REFUND, so the ledger's unique key is the second guard.
 */
export async function refundOrder(
  tx: Tx,
  accountId: string,
  sagaId: string,
  amountMinor: bigint,
): Promise<boolean> {
  const key = uuidToBytes(accountId);
  const entries = tx.selectFrom('ledger').select('id').where('saga_id', '=', uuidToBytes(sagaId));
  const charged = entries
    .where('kind', '=', 'CHARGE')
    .where('account_id', '=', key)
    .where('amount_minor', '=', (-amountMinor).toString());
  const { numUpdatedRows } = await tx
    .updateTable('wallet')
    .set((eb) => ({ balance_minor: eb('balance_minor', '+', amountMinor.toString()) }))
    .where('account_id', '=', key)
    .where((eb) => eb.exists(charged))
    .where((eb) => eb.not(eb.exists(entries.where('kind', '=', 'REFUND'))))
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) return false;
  await record(tx, sagaEntry(key, sagaId, 'REFUND', amountMinor));
  return true;
}

function sagaEntry(
  accountId: Buffer,
  sagaId: string,
  kind: 'CHARGE' | 'REFUND',
  amountMinor: bigint,
): Insertable<LedgerTable> {
  return {
    account_id: accountId,
    kind,
    amount_minor: amountMinor.toString(),
    saga_id: uuidToBytes(sagaId),
    request_id: null,
    balance_minor: null,
    created_at: new Date(),
  };
}

/** Written when `tx` commits, so that the wallet is locked for one round trip less. */
async function record(tx: Tx, entry: Insertable<LedgerTable>): Promise<void> {
  await defer(tx, [tx.insertInto('ledger').values(entry).compile()]);
}
