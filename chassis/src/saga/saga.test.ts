import { afterAll, afterEach, beforeAll, expect, test, jest } from '@jest/globals';
import { SagaOutcome_Decision as Decision, SagaReply_Outcome as Outcome } from '@weft/proto/weft/v1/saga';
import { pino } from 'pino';
import { execute, placeholders, type Executor } from '../data/statement.ts';
import { bytesToUuid, uuidToBytes, uuidv7 } from '../data/uuid.ts';
import { writeHeader } from './header.ts';
import { brokenLink } from './log.ts';
import { createSaga } from './saga.ts';
import { methods, toyContract } from './toy-contract.test.support.ts';
import { toyDatabases, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { eventually } from '../testing/eventually.ts';
import { ToyShop, type ToyOptions } from './toy-shop.test.support.ts';

jest.setTimeout(30_000);

let databases: ToyDatabases;
let shop: ToyShop;

beforeAll(async () => {
  databases = await toyDatabases();
});
afterEach(() => shop.stop());
afterAll(() => databases.close());

function open(options: ToyOptions = {}): ToyShop {
  shop = new ToyShop(databases, options);
  shop.run();
  return shop;
}

const count = async (on: Executor, table: string, where = '1 = 1', parameters: unknown[] = []) =>
  Number(
    (await execute<{ n: string }>(on, `SELECT COUNT(*) AS n FROM ${table} WHERE ${where}`, parameters))
      .rows[0]?.n,
  );

const emptyOutboxes = async () => (await undelivered(databases)) === 0;

const stock = () =>
  databases.store.kysely.selectFrom('stock').select(['available', 'reserved']).executeTakeFirstOrThrow();
const balance = async (user: string) =>
  (
    await databases.bank.kysely
      .selectFrom('wallet')
      .select('balance')
      .where('user_id', '=', user)
      .executeTakeFirstOrThrow()
  ).balance;
const statusIs = (id: string, status: string) => eventually(async () => (await shop.status(id)) === status);

test('an order is confirmed: stock sold, wallet charged, outboxes empty, every step logged', async () => {
  open();
  await shop.stock(10);
  const user = await shop.buyer(5);
  const id = await shop.order(user, 3);
  await statusIs(id, 'CONFIRMED');
  await eventually(emptyOutboxes);
  expect(await stock()).toEqual({ available: 7, reserved: 0 });
  expect(await balance(user)).toBe(2);
  const [office, store, bank] = await Promise.all(shop.sagas.map((saga) => saga.events(id)));
  expect(
    [office, store, bank].map((log) =>
      log?.map((event) => `${event.fromState} ${event.toState} ${event.peer}`),
    ),
  ).toEqual([
    ['NEW DONE office', 'DONE COMMITTED bank'],
    ['NEW DONE office', 'DONE COMMITTED office'],
    ['NEW DONE store'],
  ]);
  expect(shop.sent).toHaveLength(4);
});

test('a refusal leaves nothing of what the step wrote, and rejects the order with the reason', async () => {
  open();
  await shop.stock(2);
  const user = await shop.buyer(5);
  const id = await shop.order(user, 3);
  await statusIs(id, 'REJECTED OUT_OF_STOCK');
  await eventually(emptyOutboxes);
  expect(await stock()).toEqual({ available: 2, reserved: 0 });
  expect(await count(databases.store.kysely, 'hold')).toBe(0);
  expect(await balance(user)).toBe(5);
});

test('a refusal of a later step undoes the earlier ones', async () => {
  open();
  await shop.stock(10);
  const user = await shop.buyer(1);
  const id = await shop.order(user, 3);
  await statusIs(id, 'REJECTED INSUFFICIENT_FUNDS');
  await eventually(emptyOutboxes);
  expect(await stock()).toEqual({ available: 10, reserved: 0 });
  expect(await balance(user)).toBe(1);
});

test('50 buyers of the last 10 pieces at once, on two instances each: 10 are sold', async () => {
  open({ instances: 2 });
  await shop.stock(10);
  const users = await Promise.all(Array.from({ length: 50 }, () => shop.buyer(1)));
  const orders = await Promise.all(users.map((user, i) => shop.order(user, 1, i % 2)));
  await eventually(async () =>
    (await Promise.all(orders.map((id) => shop.status(id)))).every((s) => s !== 'PENDING'),
  );
  await eventually(emptyOutboxes);
  const statuses = Object.groupBy(await Promise.all(orders.map((id) => shop.status(id))), (status) => status);
  expect(statuses['CONFIRMED']).toHaveLength(10);
  expect(statuses['REJECTED OUT_OF_STOCK']).toHaveLength(40);
  expect(await stock()).toEqual({ available: 0, reserved: 0 });
  const paid = await Promise.all(users.map(balance));
  expect(paid.filter((left) => left === 0)).toHaveLength(10);
});

test('a cancel while pending undoes everything, and a late confirm has no effect', async () => {
  open({ fate: (path) => (path === methods.confirm.path ? { lost: 'request' } : {}) });
  await shop.stock(10);
  const user = await shop.buyer(5);
  const id = await shop.order(user, 3);
  await eventually(async () => (await balance(user)) === 2);
  expect(await shop.cancel(id)).toBe(true);
  expect(await shop.cancel(id)).toBe(false);
  shop.fate = () => ({});
  await statusIs(id, 'CANCELLED');
  await eventually(emptyOutboxes);
  expect(await stock()).toEqual({ available: 10, reserved: 0 });
  expect(await balance(user)).toBe(5);
  const header = writeHeader({ sagaId: id, userId: user, deadlineMs: Date.now() + 30_000 });
  const late = await shop.call(methods.confirm, { saga: header, step: '', reason: '3' });
  expect(late).toEqual({ outcome: Outcome.CANCELLED, reason: 'CANCELLED_BY_USER' });
  expect(await shop.status(id)).toBe('CANCELLED');
});

test('an order that nobody decides is rejected at its deadline, by the clock of the database', async () => {
  open({ deadlineMs: 300, fate: (path) => (path === methods.charge.path ? { lost: 'request' } : {}) });
  await shop.stock(10);
  const id = await shop.order(await shop.buyer(5), 3);
  await statusIs(id, 'REJECTED DEADLINE_EXCEEDED');
  shop.fate = () => ({});
  await eventually(emptyOutboxes);
  expect(await stock()).toEqual({ available: 10, reserved: 0 });
});

test('sagas that cannot be aborted, however many, do not keep the others from it', async () => {
  open({ deadlineMs: 300, fate: () => ({ lost: 'request' }) });
  await shop.stock(100);
  const user = await shop.buyer(3);
  const broken = await Promise.all(Array.from({ length: 64 }, () => shop.order(user, 1)));
  const { kysely } = databases.office;
  const change = `UPDATE orders SET status = 'CHANGED' WHERE id IN (${placeholders(broken.length)})`;
  await execute(kysely, change, broken.map(uuidToBytes));
  const id = await shop.order(user, 3);
  await statusIs(id, 'REJECTED DEADLINE_EXCEEDED');
  await execute(kysely, "UPDATE saga SET state = 'ABORTED' WHERE state = 'PENDING'");
  await execute(kysely, 'DELETE FROM saga_outbox');
});

test('an undo that overtakes its step leaves a tombstone, and the step then has no effect', async () => {
  open();
  await shop.stock(10);
  const header = writeHeader({
    sagaId: uuidv7(),
    userId: await shop.buyer(5),
    deadlineMs: Date.now() + 30_000,
  });
  expect((await shop.call(methods.release, { saga: header })).outcome).toBe(Outcome.DONE);
  const late = await shop.call(methods.reserve, { saga: header, step: '', reason: '3' });
  expect(late.outcome).toBe(Outcome.CANCELLED);
  expect(await stock()).toEqual({ available: 10, reserved: 0 });
});

test('the same step with another request is refused as invalid', async () => {
  open({ fate: () => ({ lost: 'request' }) });
  await shop.stock(10);
  const header = writeHeader({ sagaId: uuidv7(), userId: 'someone', deadlineMs: Date.now() + 30_000 });
  await shop.call(methods.reserve, { saga: header, step: '', reason: '3' });
  const other = shop.call(methods.reserve, { saga: header, step: '', reason: '4' });
  await expect(other).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'SAGA_PAYLOAD_CHANGED' });
  expect(await stock()).toEqual({ available: 7, reserved: 3 });
});

test('a message without its header is invalid, and says which field', async () => {
  open();
  const request = shop.call(methods.reserve, { saga: undefined, step: '', reason: '3' });
  await expect(request).rejects.toThrow('saga.saga_id');
});

test('a step that comes long after the deadline does not run, and leaves no trace', async () => {
  open();
  await shop.stock(10);
  const sagaId = uuidv7();
  const header = writeHeader({ sagaId, userId: 'someone', deadlineMs: Date.now() - 16 * 60_000 });
  const late = await shop.call(methods.reserve, { saga: header, step: '', reason: '3' });
  expect(late).toEqual({ outcome: Outcome.CANCELLED, reason: 'EXPIRED' });
  expect(await count(databases.store.kysely, 'saga_step', 'saga_id = ?', [uuidToBytes(sagaId)])).toBe(0);
});

test('a final for a step that never ran raises an alarm and changes nothing', async () => {
  open();
  await shop.stock(10);
  const sagaId = uuidv7();
  const header = writeHeader({ sagaId, userId: 'someone', deadlineMs: Date.now() + 30_000 });
  const final = shop.call(methods.commit, { saga: header });
  await expect(final).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'SAGA_ALARM' });
  expect(await shop.sagas[1]?.events(sagaId)).toEqual([]);
});

test('four deliveries of one step at once have one effect, and no deadlock escapes', async () => {
  open({ fate: () => ({ lost: 'request' }), instances: 2 });
  await shop.stock(1_000);
  const user = await shop.buyer(0);
  const races = Array.from({ length: 40 }, () => {
    const saga = writeHeader({ sagaId: uuidv7(), userId: user, deadlineMs: Date.now() + 30_000 });
    const step = () => shop.call(methods.reserve, { saga, step: '', reason: '1' });
    const undo = () => shop.call(methods.release, { saga });
    return Promise.all([step(), step(), undo(), step(), undo()]);
  });
  await Promise.all(races);
  expect(await stock()).toEqual({ available: 1_000, reserved: 0 });
});

test('a step that hears nothing asks the arbiter, and follows its decision', async () => {
  open({ fate: (path) => (path === methods.commit.path ? { lost: 'request' } : {}) });
  await shop.stock(10);
  const user = await shop.buyer(9);
  const confirmed = await shop.order(user, 3);
  await statusIs(confirmed, 'CONFIRMED');
  const header = writeHeader({ sagaId: uuidv7(), userId: user, deadlineMs: Date.now() + 30_000 });
  await shop.call(methods.reserve, { saga: header, step: '', reason: '1' });
  const outcome = await shop.call(methods.outcome, { saga: header });
  expect(outcome.decision).toBe(Decision.UNKNOWN);
  for (const { kysely } of [databases.store, databases.bank])
    await execute(kysely, "UPDATE saga_step SET due_at = UTC_TIMESTAMP(3) WHERE state = 'DONE'");
  await Promise.all(shop.sagas.map((saga) => saga.reconcile()));
  for (const { kysely } of [databases.store, databases.bank])
    await eventually(
      async () =>
        (await count(kysely, 'saga_step', "state = 'COMMITTED' AND saga_id = ?", [
          uuidToBytes(confirmed),
        ])) === 1,
    );
  expect((await stock()).reserved).toBe(1);
  const unknown = await shop.sagas[1]?.events(bytesToUuid(header.sagaId));
  expect(unknown?.map((event) => event.toState)).toEqual(['DONE']);
});

test('a log that was changed afterwards is found out', async () => {
  open();
  await shop.stock(10);
  const id = await shop.order(await shop.buyer(5), 1);
  await statusIs(id, 'CONFIRMED');
  const { kysely } = databases.office;
  expect(await brokenLink(kysely, id)).toBeUndefined();
  await execute(kysely, "UPDATE saga_log SET peer = 'nobody' WHERE saga_id = ? AND seq = 2", [
    uuidToBytes(id),
  ]);
  expect(await brokenLink(kysely, id)).toBe(2);
});

test('a service that lacks a handler of its contract does not start', async () => {
  open();
  const saga = createSaga({
    contract: toyContract(),
    workload: 'bank',
    instanceId: 'b',
    database: databases.bank,
    mesh: shop.mesh('bank'),
    logger: pino({ level: 'silent' }),
  });
  expect(() => saga.run()).toThrow('/toy.Bank/Charge');
  expect(() => saga.undo(methods.commit, async () => {})).toThrow('no UNDO');
});
