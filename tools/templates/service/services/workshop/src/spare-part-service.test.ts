import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { client } from '@weft/chassis/client/client';
import { uuidv7 } from '@weft/chassis/data/uuid';
import { SparePartServiceService, SparePart_Status as Status } from '@weft/proto/shop/workshop/v1/spare_part';
import { failure, startSystem, type Person, type TestSystem } from './workshop.test.support.ts';

let system: TestSystem;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  system = await startSystem();
  [ada, bob] = await Promise.all([system.person(), system.person()]);
});

afterAll(() => system?.mesh.close());

test('one that is added is PENDING at first, then ACTIVE, and is read as it was answered', async () => {
  const created = await ada.create('first');
  expect(created).toMatchObject({ name: 'first', status: Status.PENDING, reason: '' });
  const decided = await ada.decided(created.id);
  expect(decided).toEqual({ ...created, status: Status.ACTIVE, updateTime: decided.updateTime });
});

test('a name is taken once by each person; the next with it is rejected', async () => {
  const [first, second] = [await ada.create('same'), await ada.create('same')];
  const states = [(await ada.decided(first.id)).status, (await ada.decided(second.id)).status];
  expect(new Set(states)).toEqual(new Set([Status.ACTIVE, Status.REJECTED]));
  expect((await bob.decided((await bob.create('same')).id)).status).toBe(Status.ACTIVE);
  const third = await ada.decided((await ada.create('same')).id);
  expect(third).toMatchObject({ status: Status.REJECTED, reason: 'NAME_TAKEN' });
});

test('an invalid one is refused with the field at fault, and nothing is written', async () => {
  const before = (await ada.api.listSpareParts({ pageSize: 0, pageToken: '' })).spareParts.length;
  await expect(ada.create('')).rejects.toThrow('spare_part.name');
  await expect(ada.api.createSparePart({ sparePart: undefined })).rejects.toThrow('spare_part');
  expect((await ada.api.listSpareParts({ pageSize: 0, pageToken: '' })).spareParts).toHaveLength(before);
});

test("another person's is not found, like an id that is unknown or none at all", async () => {
  const { id } = await ada.create('private');
  for (const asked of [id, uuidv7(), 'x', ''])
    await expect(bob.api.getSparePart({ id: asked })).rejects.toThrow(
      failure('NOT_FOUND', 'SPARE_PART_NOT_FOUND'),
    );
});

test('pages hold each of a person once, newest first', async () => {
  const person = await system.person();
  const made: string[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e']) made.unshift((await person.create(name)).id);
  const seen: string[] = [];
  let pageToken = '';
  do {
    const page = await person.api.listSpareParts({ pageSize: 2, pageToken });
    seen.push(...page.spareParts.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(seen).toEqual(made);
});

test('nobody is served without a token', async () => {
  const visitor = client(SparePartServiceService, await system.mesh.as('edge'));
  await expect(visitor.getSparePart({ id: uuidv7() })).rejects.toThrow(
    failure('UNAUTHENTICATED', 'TOKEN_REQUIRED'),
  );
});
