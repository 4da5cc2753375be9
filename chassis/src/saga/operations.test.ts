import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import {
  SagaOperationsServiceService as Operations,
  type SagaRecord,
} from '@weft/proto/weft/v1/saga_operations';
import { execute } from '../data/statement.ts';
import { uuidToBytes } from '../data/uuid.ts';
import { ServiceError } from '../errors.ts';
import type { MethodDefinition } from '../server/implement.ts';
import { eventually } from '../testing/eventually.ts';
import { recordDrift } from './record-drift.ts';
import { methods } from './toy-contract.test.support.ts';
import { lapse, toyDatabases, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop } from './toy-shop.test.support.ts';

jest.setTimeout(30_000);

let databases: ToyDatabases;
let shop: ToyShop;
const [office, store] = [0, 1];

beforeAll(async () => {
  databases = await toyDatabases();
});
afterEach(async () => {
  await shop.stop();
  for (const table of ['saga', 'saga_step', 'saga_outbox', 'saga_log'])
    for (const on of [databases.office, databases.store, databases.bank])
      await execute(on.kysely, `DELETE FROM ${table}`);
});
afterAll(() => databases.close());

/** Calls an operation of one of the toy's services, without the network. */
function ask<Req, Res>(service: number, method: MethodDefinition<Req, Res>, request: Req): Promise<Res> {
  const { methods: implemented } = shop.sagas[service]?.operations ?? { methods: [] };
  const found = implemented.find(({ definition }) => definition.path === method.path);
  if (found === undefined) throw new Error(`no ${method.path}`);
  const context = { path: method.path, caller: 'operator', signal: new AbortController().signal };
  return found.handler(request as never, context) as Promise<Res>;
}

const list = (service: number, states: string[], pageSize = 0, pageToken = '', seconds = 0n) =>
  ask(service, Operations.listSagas, {
    states,
    pageSize,
    pageToken,
    olderThan: { seconds, nanos: 0 },
  });
const record = async (service: number, id: string): Promise<SagaRecord> => {
  const { sagas } = await ask(service, Operations.batchGetSagas, { sagaIds: [uuidToBytes(id)] });
  if (sagas[0] === undefined) throw new Error('no such saga');
  return sagas[0];
};
const changes = (cursor: string, pageSize = 0) =>
  ask(office, Operations.listChanges, {
    cursor,
    since: undefined,
    settle: { seconds: 0n, nanos: 0 },
    pageSize,
  });
const refused = new ServiceError('INVALID_ARGUMENT', 'BAD', 'it is bad');

async function opened(fate: ConstructorParameters<typeof ToyShop>[1] = {}): Promise<string> {
  shop = new ToyShop(databases, fate);
  await shop.stock(1_000);
  return shop.buyer(100);
}

test('sagas are listed by state and age, page by page, each once', async () => {
  const user = await opened();
  const ids = new Set([await shop.order(user, 1), await shop.order(user, 1), await shop.order(user, 1)]);
  await shop.cancel([...ids][0] ?? '');
  const seen: string[] = [];
  for (let token = '', pages = 1; ; pages++) {
    const page = await list(office, ['PENDING', 'ABORTED'], 1, token);
    seen.push(...page.entries.map(({ sagaId, saga, state }) => `${sagaId.toString('hex')} ${saga} ${state}`));
    token = page.nextPageToken;
    if (token !== '') continue;
    expect(pages).toBe(3);
    break;
  }
  expect(seen.map((line) => line.split(' ').slice(1).join(' '))).toEqual([
    'toy PENDING',
    'toy PENDING',
    'toy ABORTED',
  ]);
  expect(new Set(seen.map((line) => line.split(' ')[0]))).toEqual(
    new Set([...ids].map((id) => id.replaceAll('-', ''))),
  );
  expect((await list(office, [], 0, '', 3_600n)).entries).toEqual([]);
  await expect(list(office, ['LOST'])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  const { nextPageToken } = await list(office, ['PENDING'], 1);
  await expect(list(office, ['ABORTED'], 1, nextPageToken)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
});

test('a parked message is sent again under its id, from its first attempt on', async () => {
  const user = await opened({ fate: (path) => (path === methods.commit.path ? { error: refused } : {}) });
  shop.run();
  const id = await shop.order(user, 1);
  const parked = () =>
    ask(office, Operations.listMessages, { state: '', target: '', pageSize: 0, pageToken: '' });
  await eventually(async () => (await parked()).messages.length === 1);
  const [before] = (await parked()).messages;
  expect(before).toMatchObject({
    method: 'toy.Store/Commit',
    kind: 'final',
    attempts: 3,
    lastCode: 'INVALID_ARGUMENT',
  });
  shop.fate = () => ({});
  const redrive = () =>
    ask(office, Operations.redriveMessages, { which: { $case: 'sagaId', value: uuidToBytes(id) } });
  expect((await redrive()).messages).toEqual([before]);
  await eventually(async () => (await record(store, id)).steps[0]?.state === 'COMMITTED');
  expect((await redrive()).messages).toEqual([]);
  await expect(ask(office, Operations.redriveMessages, { which: undefined })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
});

test('changes are told once each, in the order of the log, and a cursor whose row is gone says so', async () => {
  const user = await opened();
  const first = await shop.order(user, 1);
  const second = await shop.order(user, 1);
  const one = await changes('', 1);
  expect(one).toMatchObject({ sagaIds: [uuidToBytes(first)], more: true, lost: false });
  const two = await changes(one.cursor);
  expect(two).toMatchObject({ sagaIds: [uuidToBytes(second)], more: false, lost: false });
  expect(await changes(two.cursor)).toMatchObject({ sagaIds: [], cursor: two.cursor, lost: false });
  await execute(databases.office.kysely, 'DELETE FROM saga_log WHERE saga_id = ?', [uuidToBytes(second)]);
  expect(await changes(two.cursor)).toMatchObject({ sagaIds: [], lost: true });
});

test('a record agrees with itself until a row of it is changed or taken out by hand', async () => {
  const user = await opened();
  shop.run();
  const id = await shop.order(user, 1);
  await eventually(async () => (await record(store, id)).steps[0]?.state === 'COMMITTED');
  const drift = async (service: number) =>
    recordDrift(id, await record(service, id), Date.now()).map(({ check }) => check);
  expect([await drift(office), await drift(store)]).toEqual([[], []]);
  const change = (text: string) => execute(databases.store.kysely, text, [uuidToBytes(id)]);
  await change("UPDATE saga_step SET state = 'COMPENSATED' WHERE saga_id = ?");
  expect(await drift(store)).toEqual(['log']);
  await change("UPDATE saga_step SET state = 'COMMITTED' WHERE saga_id = ?");
  await change("UPDATE saga_log SET peer = 'nobody' WHERE saga_id = ? AND seq = 1");
  expect((await record(store, id)).brokenAt).toBe(1);
  await execute(databases.office.kysely, "UPDATE saga SET state = 'ABORTED' WHERE saga_id = ?", [
    uuidToBytes(id),
  ]);
  expect(await drift(office)).toEqual(['log']);
  const tombstone = { ...(await record(store, id)), brokenAt: 0, events: [] };
  const effects = [{ kind: 'pieces', key: 'lamp', amount: 1n }];
  const steps = tombstone.steps.map((step) => ({ ...step, state: 'TOMBSTONE', loggedState: 'TOMBSTONE' }));
  expect(recordDrift(id, { ...tombstone, steps, effects }, Date.now()).map(({ check }) => check)).toEqual([
    'effect',
  ]);
});

test('a pending saga that nobody has aborted at its deadline is overdue 5 s later', async () => {
  const user = await opened();
  const id = await shop.order(user, 1);
  const overdue = async () =>
    (await ask(office, Operations.checkBooks, { pageSize: 0, pageToken: '' })).drifts.map(({ key }) => key);
  const late = 'UPDATE saga SET deadline_at = UTC_TIMESTAMP(3) - INTERVAL ? SECOND';
  await execute(databases.office.kysely, late, [4]);
  expect(await overdue()).toEqual([]);
  await execute(databases.office.kysely, late, [6]);
  expect(await overdue()).toEqual([id]);
  expect((await record(office, id)).decision).toMatchObject({ state: 'PENDING', overdue: true });
  await lapse(databases);
});
