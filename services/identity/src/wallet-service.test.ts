import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { client, type Client } from '@weft/chassis/client/client';
import { uuidToBytes, uuidv7 } from '@weft/chassis/data/uuid';
import { WalletServiceService } from '@weft/proto/shop/identity/v1/wallet';
import { SagaMessage, SagaReply_Outcome as Outcome } from '@weft/proto/weft/v1/saga';
import { sql } from 'kysely';
import { failure, startIdentity, type Person, type TestIdentity } from './identity.test.support.ts';

let shop: TestIdentity;
let fromCatalog: Client<WalletServiceService>;
let fromOrdering: Client<WalletServiceService>;

beforeAll(async () => {
  shop = await startIdentity();
  fromCatalog = client(WalletServiceService, await shop.mesh.as('catalog'));
  fromOrdering = client(WalletServiceService, await shop.mesh.as('ordering'));
});
afterAll(() => shop?.close());

const eur = (units: number | bigint, nanos = 0) => ({ currencyCode: 'EUR', units: BigInt(units), nanos });
const topUp = (person: Person, units: number, requestId = '') =>
  person.wallet.topUp({ amount: eur(units), requestId });
const balance = async (person: Person) => (await person.wallet.getWallet({})).balance;
const saga = (sagaId: string, userId: string) => ({
  sagaId: uuidToBytes(sagaId),
  userId,
  deadline: { seconds: BigInt(Math.floor(Date.now() / 1000) + 30), nanos: 0 },
});
const charge = (person: Person, sagaId: string, units: number) =>
  fromCatalog.charge({ saga: saga(sagaId, person.id), amount: eur(units), items: [] });
const refund = (person: Person, sagaId: string) =>
  fromOrdering.refund(SagaMessage.fromPartial({ saga: saga(sagaId, person.id) }));

const refundOrder = (person: Person, sagaId: string, units: number) =>
  fromOrdering.refundOrder({ saga: saga(sagaId, person.id), amount: eur(units) });

/** The balance is what the ledger says. */
const expectBalanced = async (person: Person) => {
  const { kysely } = shop.service.database;
  const id = uuidToBytes(person.id);
  const entries = await kysely
    .selectFrom('ledger')
    .select('amount_minor')
    .where('account_id', '=', id)
    .execute();
  const wallet = kysely.selectFrom('wallet').select('balance_minor').where('account_id', '=', id);
  const sum = entries.reduce((total, entry) => total + BigInt(entry.amount_minor), 0n);
  expect((await wallet.executeTakeFirstOrThrow()).balance_minor).toBe(sum.toString());
};

test('money is put in, to the cent', async () => {
  const person = await shop.person();
  expect((await person.wallet.topUp({ amount: eur(0, 10_000_000), requestId: '' })).balance).toEqual(
    eur(0, 10_000_000),
  );
  expect((await topUp(person, 10_000)).balance).toEqual(eur(10_000, 10_000_000));
  await expectBalanced(person);
});

test('an amount that is none, too small, too large or in parts of a cent is refused by its field', async () => {
  const person = await shop.person();
  const cases = [
    [undefined, 'amount'],
    [eur(0), 'amount'],
    [eur(-1), 'amount'],
    [eur(10_000, 10_000_000), 'amount'],
    [eur(2n ** 63n - 1n), 'amount'],
    [eur(1, 1), 'amount.nanos'],
    [eur(1, -10_000_000), 'amount.nanos'],
    [{ ...eur(1), currencyCode: 'USD' }, 'amount.currency_code'],
  ] as const;
  for (const [amount, field] of cases)
    await expect(person.wallet.topUp({ amount, requestId: '' })).rejects.toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(`${field}: `) }),
    );
  await expect(topUp(person, 1, 'é')).rejects.toThrow('request_id');
  expect(await balance(person)).toEqual(eur(0));
});

test('the same request sent often tops up once and answers the same, also all at once', async () => {
  const person = await shop.person();
  const answers = await Promise.all(Array.from({ length: 10 }, () => topUp(person, 5, 'request 1')));
  for (const answer of answers) expect(answer.balance).toEqual(eur(5));
  await topUp(person, 7);
  expect((await topUp(person, 5, 'request 1')).balance).toEqual(eur(5));
  expect(await balance(person)).toEqual(eur(12));
  await expect(topUp(person, 6, 'request 1')).rejects.toThrow(
    failure('ALREADY_EXISTS', 'IDEMPOTENCY_KEY_REUSED'),
  );
  expect((await topUp(person, 5, 'request 1 ')).balance).toEqual(eur(17));
  const other = await shop.person();
  expect((await topUp(other, 6, 'request 1')).balance).toEqual(eur(6));
  await expectBalanced(person);
});

test('a wallet has a limit, which no refund can break', async () => {
  const person = await shop.person();
  const id = uuidToBytes(person.id);
  await shop.service.database.kysely
    .updateTable('wallet')
    .set({ balance_minor: '99999999900' })
    .where('account_id', '=', id)
    .execute();
  const order = uuidv7();
  await charge(person, order, 5);
  await topUp(person, 6);
  await expect(topUp(person, 1)).rejects.toThrow(failure('FAILED_PRECONDITION', 'BALANCE_LIMIT_EXCEEDED'));
  await refund(person, order);
  expect(await balance(person)).toEqual(eur(1_000_000_005));
});

test('an order is charged once and refunded once', async () => {
  const person = await shop.person();
  await topUp(person, 100);
  const order = uuidv7();
  for (let n = 0; n < 2; n++)
    expect(await charge(person, order, 60)).toMatchObject({ outcome: Outcome.DONE });
  expect(await balance(person)).toEqual(eur(40));
  for (let n = 0; n < 2; n++) await refund(person, order);
  expect(await balance(person)).toEqual(eur(100));
  await expectBalanced(person);
});

test('a paid order that is cancelled is refunded once, whatever is sent again, all at once too', async () => {
  const person = await shop.person();
  await topUp(person, 100);
  const order = uuidv7();
  await charge(person, order, 60);
  const replies = await Promise.all(Array.from({ length: 5 }, () => refundOrder(person, order, 60)));
  expect(replies.every((reply) => reply.outcome === Outcome.DONE)).toBe(true);
  expect(await balance(person)).toEqual(eur(100));
  await expectBalanced(person);
  const { events } = await fromOrdering.listWalletEvents(
    SagaMessage.fromPartial({ saga: saga(order, person.id) }),
  );
  expect(events.map((e) => [e.step, e.fromState, e.toState])).toEqual([
    ['shop.identity.v1.WalletService/Charge', 'NEW', 'DONE'],
    ['shop.identity.v1.WalletService/RefundOrder', 'NEW', 'COMMITTED'],
  ]);
});

test('a refund of what was never charged, or of another amount or person, is an error and makes no money', async () => {
  const [person, other] = await Promise.all([shop.person(), shop.person()]);
  await topUp(person, 100);
  const order = uuidv7();
  await charge(person, order, 60);
  const notRefundable = failure('FAILED_PRECONDITION', 'NOT_REFUNDABLE');
  await expect(refundOrder(person, uuidv7(), 60)).rejects.toThrow(notRefundable);
  await expect(refundOrder(person, order, 61)).rejects.toThrow(notRefundable);
  await expect(refundOrder(other, order, 60)).rejects.toThrow(notRefundable);
  await expect(refundOrder(person, order, 0)).rejects.toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  );
  expect(await balance(person)).toEqual(eur(40));
  expect(await balance(other)).toEqual(eur(0));
});

test('the ledger refunds an order once even where the record of the saga is lost', async () => {
  const person = await shop.person();
  await topUp(person, 100);
  const [undone, cancelled] = [uuidv7(), uuidv7()];
  for (const order of [undone, cancelled]) await charge(person, order, 20);
  await refund(person, undone);
  await refundOrder(person, cancelled, 20);
  const forgotten = sql`DELETE FROM saga_step WHERE saga_id IN (${uuidToBytes(undone)}, ${uuidToBytes(cancelled)})`;
  await forgotten.execute(shop.service.database.kysely);
  for (const order of [undone, cancelled])
    await expect(refundOrder(person, order, 20)).rejects.toThrow(
      failure('FAILED_PRECONDITION', 'NOT_REFUNDABLE'),
    );
  expect(await balance(person)).toEqual(eur(100));
  await expectBalanced(person);
});

test('who has too little is refused and keeps it', async () => {
  const person = await shop.person();
  await topUp(person, 100);
  const order = uuidv7();
  expect(await charge(person, order, 101)).toEqual({
    outcome: Outcome.REFUSED,
    reason: 'INSUFFICIENT_FUNDS',
  });
  await refund(person, order);
  expect(await balance(person)).toEqual(eur(100));
});

test('of ten orders at once that money is there for three, three are charged', async () => {
  const person = await shop.person();
  await topUp(person, 35);
  const replies = await Promise.all(Array.from({ length: 10 }, () => charge(person, uuidv7(), 10)));
  expect(replies.filter((r) => r.outcome === Outcome.DONE)).toHaveLength(3);
  expect(await balance(person)).toEqual(eur(5));
  await expectBalanced(person);
});

test('a charge of nothing or less is an error, never money', async () => {
  const person = await shop.person();
  for (const units of [0, -5])
    await expect(charge(person, uuidv7(), units)).rejects.toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  expect(await balance(person)).toEqual(eur(0));
});

test('nobody but the catalog charges and nobody but ordering refunds', async () => {
  const person = await shop.person();
  const denied = failure('PERMISSION_DENIED', 'CALLER_NOT_ALLOWED');
  const request = { saga: saga(uuidv7(), person.id), amount: eur(1), items: [] };
  await expect(person.wallet.charge(request)).rejects.toThrow(denied);
  await expect(fromOrdering.charge(request)).rejects.toThrow(denied);
  await expect(fromCatalog.refund({ saga: request.saga })).rejects.toThrow(denied);
  await expect(fromCatalog.refundOrder({ saga: request.saga, amount: eur(1) })).rejects.toThrow(denied);
});
