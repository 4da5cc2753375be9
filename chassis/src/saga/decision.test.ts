import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { SagaReply_Outcome as Outcome } from '@weft/proto/weft/v1/saga';
import { pino } from 'pino';
import { execute } from '../data/statement.ts';
import { uuidToBytes, uuidv7 } from '../data/uuid.ts';
import { eventually } from '../testing/eventually.ts';
import { writeHeader } from './header.ts';
import { brokenLink } from './log.ts';
import { deleteOld } from './retention.ts';
import { createSaga } from './saga.ts';
import { methods, toyContract } from './toy-contract.test.support.ts';
import { toyDatabases, totals, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop, type ToyOptions } from './toy-shop.test.support.ts';

jest.setTimeout(30_000);

let databases: ToyDatabases;
let shop: ToyShop;

beforeAll(async () => {
  databases = await toyDatabases();
});
afterEach(async () => {
  await shop.stop();
  await execute(databases.bank.kysely, 'DELETE FROM wallet');
  await execute(databases.bank.kysely, 'DELETE FROM charge');
});
afterAll(() => databases.close());

/** A shop with an order of 3 pieces, confirmed. */
async function confirmed(options: ToyOptions = {}): Promise<{ user: string; id: string }> {
  shop = new ToyShop(databases, options);
  await shop.stock(10);
  shop.run();
  const user = await shop.buyer(5);
  const id = await shop.order(user, 3);
  await eventually(async () => (await shop.status(id)) === 'CONFIRMED');
  return { user, id };
}

const settled = () => eventually(async () => (await undelivered(databases)) === 0);
const restored = { available: 10, reserved: 0, held: 0, money: 5, charged: 0 };

test('a decision is made once, and everything that must follow does, once', async () => {
  const { id, user } = await confirmed();
  const answers = await Promise.all([1, 2, 3].map(() => shop.giveBack(id, user, 3)));
  expect(answers.filter(Boolean)).toHaveLength(1);
  await settled();
  expect(await totals(databases)).toEqual(restored);
  expect(await shop.giveBack(id, user, 3)).toBe(false);
  const logs = await Promise.all(shop.sagas.map((saga) => saga.events(id)));
  const after = logs.map((events) =>
    events.slice(2).map((e) => `${e.step} ${e.fromState} ${e.toState} ${e.peer}`),
  );
  expect(after[0]).toEqual(['toy.Office/Cancel NEW COMMITTED office']);
  expect(after[1]).toEqual(['toy.Store/Restock NEW COMMITTED office']);
  expect(logs[2]?.at(-1)).toMatchObject({ step: 'toy.Bank/Repay', fromState: 'NEW', toState: 'COMMITTED' });
  for (const on of [databases.office, databases.store, databases.bank])
    expect(await brokenLink(on.kysely, id)).toBeUndefined();
});

test('what must follow may overtake the final of the saga before', async () => {
  const { id, user } = await confirmed({
    fate: (path) => (path === methods.commit.path ? { lost: 'request' } : {}),
  });
  await shop.giveBack(id, user, 3);
  await eventually(async () => (await totals(databases)).available === 10);
  shop.fate = () => ({});
  await settled();
  expect(await totals(databases)).toEqual(restored);
});

test('a decision that is rolled back has not been made, and nothing follows', async () => {
  const { id, user } = await confirmed();
  await settled();
  const failing = databases.office.transaction(async (tx) => {
    const body = { step: '', reason: '3' };
    await shop.offices[0]?.decision.decide(tx, { sagaId: id, userId: user }, async () => ({
      restock: body,
      repay: body,
    }));
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await undelivered(databases)).toBe(0);
  expect((await shop.sagas[0]?.events(id))?.map((e) => e.toState)).toEqual(['DONE', 'COMMITTED']);
});

test('a decision whose row says otherwise than its record is an error', async () => {
  const { id, user } = await confirmed();
  await shop.giveBack(id, user, 3);
  await execute(databases.office.kysely, "UPDATE orders SET status = 'CONFIRMED' WHERE id = ?", [
    uuidToBytes(id),
  ]);
  await expect(shop.giveBack(id, user, 3)).rejects.toThrow('was decided before');
  expect(await shop.status(id)).toBe('CONFIRMED');
  await settled();
  expect(await totals(databases)).toEqual(restored);
});

test('a must whose effect fails leaves nothing, and is done when it comes again', async () => {
  const { user } = await confirmed();
  const saga = writeHeader({ sagaId: uuidv7(), userId: user, deadlineMs: Date.now() });
  const repay = () => shop.call(methods.repay, { saga, step: '', reason: '3' });
  await expect(repay()).rejects.toMatchObject({ code: 'INTERNAL' });
  const { kysely } = databases.bank;
  const fence = 'SELECT state FROM saga_step WHERE saga_id = ?';
  expect((await execute(kysely, fence, [saga.sagaId])).rows).toEqual([]);
  await kysely.insertInto('charge').values({ saga_id: saga.sagaId, user_id: user, amount: 1 }).execute();
  for (let n = 0; n < 2; n++) expect(await repay()).toEqual({ outcome: Outcome.DONE, reason: '' });
  expect((await execute(kysely, fence, [saga.sagaId])).rows).toEqual([{ state: 'COMMITTED' }]);
});

test('the record of a must outlives every retention, since its message does not expire', async () => {
  const { id, user } = await confirmed();
  await shop.giveBack(id, user, 3);
  await settled();
  const { kysely } = databases.store;
  const steps = async () =>
    (
      await execute<{ step: string }>(kysely, 'SELECT step FROM saga_step WHERE saga_id = ?', [
        uuidToBytes(id),
      ])
    ).rows.map(({ step }) => step);
  expect((await steps()).toSorted()).toEqual([methods.reserve.path, methods.restock.path]);
  await execute(kysely, 'UPDATE saga_step SET due_at = due_at - INTERVAL 400 DAY');
  await deleteOld(kysely, 7);
  expect(await steps()).toEqual([methods.restock.path]);
  const saga = writeHeader({ sagaId: id, userId: user, deadlineMs: 1 });
  await expect(shop.call(methods.restock, { saga, step: '', reason: '4' })).rejects.toMatchObject({
    reason: 'SAGA_PAYLOAD_CHANGED',
  });
  // An arbiter that was restored from a backup decides once more, at another time.
  expect(await shop.call(methods.restock, { saga, step: '', reason: '3' })).toMatchObject({
    outcome: Outcome.DONE,
  });
  expect(await totals(databases)).toEqual(restored);
});

test('a service that leaves out one of the methods that must follow does not start', async () => {
  await confirmed();
  const saga = createSaga({
    contract: toyContract(),
    workload: 'office',
    instanceId: 'o',
    database: databases.office,
    mesh: shop.mesh('office'),
    logger: pino({ level: 'silent' }),
  });
  const { restock, repay } = methods;
  expect(() => saga.decision(methods.cancel, { restock })).toThrow(
    'has /toy.Store/Restock, /toy.Bank/Repay as the must of /toy.Office/Cancel, not /toy.Store/Restock',
  );
  expect(() => saga.decision(methods.cancel, { restock, repay, refund: methods.refund })).toThrow(
    '/toy.Bank/Refund',
  );
  expect(() => saga.decision(methods.fail, { restock })).toThrow('no DECIDE');
  expect(() => saga.must(methods.refund, async () => {})).toThrow('no MUST');
  expect(() => saga.run()).toThrow('/toy.Office/Cancel');
});
