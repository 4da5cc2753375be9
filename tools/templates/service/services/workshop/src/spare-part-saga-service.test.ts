import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { client, type Client } from '@weft/chassis/client/client';
import { uuidToBytes, uuidv7 } from '@weft/chassis/data/uuid';
import { toTimestamp } from '@weft/chassis/resource/timestamp';
import { SparePartSagaServiceService } from '@weft/proto/shop/workshop/v1/saga';
import { SagaReply_Outcome as Outcome, type SagaHeader } from '@weft/proto/weft/v1/saga';
import { failure, startSystem, type TestSystem } from './workshop.test.support.ts';

let system: TestSystem;
let participant: Client<SparePartSagaServiceService>;

beforeAll(async () => {
  system = await startSystem();
  participant = client(SparePartSagaServiceService, await system.mesh.as('workshop'));
});

afterAll(() => system?.mesh.close());

/** A message of a new saga, or of this one. */
const message = (userId: string, sagaId = uuidv7()): { saga: SagaHeader } => ({
  saga: {
    sagaId: uuidToBytes(sagaId),
    userId,
    deadline: toTimestamp(new Date(Date.now() + 30_000)),
  },
});

const names = async (userId: string) => {
  const rows = await system.service.database.kysely
    .selectFrom('spare_part_name')
    .select('name')
    .where('user_id', '=', uuidToBytes(userId))
    .execute();
  return rows.map(({ name }) => name);
};

test('a step that is delivered twice takes the name once, and its undo frees it', async () => {
  const user = uuidv7();
  const saga = message(user);
  for (let delivery = 0; delivery < 2; delivery++)
    expect((await participant.reserveName({ ...saga, name: 'x' })).outcome).toBe(Outcome.DONE);
  expect(await names(user)).toEqual(['x']);
  for (let delivery = 0; delivery < 2; delivery++)
    expect((await participant.releaseName(saga)).outcome).toBe(Outcome.DONE);
  expect(await names(user)).toEqual([]);
});

test('an undo that overtakes its step leaves nothing for the step to do', async () => {
  const user = uuidv7();
  const saga = message(user);
  await participant.releaseName(saga);
  expect((await participant.reserveName({ ...saga, name: 'x' })).outcome).toBe(Outcome.CANCELLED);
  expect(await names(user)).toEqual([]);
});

test('of many sagas that want one name at the same time, one gets it', async () => {
  const user = uuidv7();
  const sagas = Array.from({ length: 10 }, () => message(user));
  const replies = await Promise.all(sagas.map((saga) => participant.reserveName({ ...saga, name: 'x' })));
  expect(replies.filter(({ outcome }) => outcome === Outcome.DONE)).toHaveLength(1);
  expect(replies.filter(({ reason }) => reason === 'NAME_TAKEN')).toHaveLength(9);
  await Promise.all(sagas.map((saga) => participant.releaseName(saga)));
  expect(await names(user)).toEqual([]);
});

test('a name that cannot be is an error and takes nothing', async () => {
  const user = uuidv7();
  await expect(participant.reserveName({ ...message(user), name: '' })).rejects.toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  );
  expect(await names(user)).toEqual([]);
});

test('nobody takes part but the services that the contract names', async () => {
  for (const workload of ['edge', 'operator']) {
    const other = client(
      SparePartSagaServiceService,
      await system.mesh.as(workload, { id: uuidv7(), roles: ['admin'] }),
    );
    await expect(other.releaseName(message(uuidv7()))).rejects.toThrow(
      failure('PERMISSION_DENIED', 'CALLER_NOT_ALLOWED'),
    );
  }
});
