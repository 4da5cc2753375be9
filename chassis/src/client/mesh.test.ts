import { expect, test } from '@jest/globals';
import { Metadata } from '@grpc/grpc-js';
import { ServiceError, type CodeName } from '../errors.ts';
import { echoContract, echoWorkload } from '../testing/echo.ts';
import { playMesh, type Behaviour } from '../testing/played-mesh.ts';
import { connectionLost, notSent } from './retry.ts';

const methods = { read: { idempotent: true, timeoutMs: 2_000 }, write: { timeoutMs: 2_000 } } as const;
const contract = echoContract('test.Echo', methods);
const read = '/test.Echo/read';
const write = '/test.Echo/write';

type Unary = NonNullable<Behaviour['unary']>;

/** Instances that answer unary calls: by address, how. */
function played(behaviours: Record<string, Unary>) {
  return playMesh(
    contract,
    mapValues(behaviours, (unary) => ({ unary })),
  );
}

function mapValues<A, B>(record: Record<string, A>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

const ok: Unary = async () => ({
  message: new Uint8Array([1]),
  headers: new Metadata(),
  trailers: new Metadata(),
});
const fails =
  (code: CodeName, reason = 'TEST', retryAfterMs?: number): Unary =>
  async () => {
    throw new ServiceError(code, reason, 'played', { retryAfterMs });
  };
const body = new Uint8Array();

test('an idempotent call moves to another instance, a call that had an effect does not', async () => {
  const { mesh, calls } = played({ 'a:1': fails('UNAVAILABLE', connectionLost), 'b:1': ok });
  for (let i = 0; i < 20; i += 1) await mesh.unary(read, body);
  expect(calls).toContain('a:1');
  const other = played({ 'a:1': fails('UNAVAILABLE', connectionLost), 'b:1': ok });
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => other.mesh.unary(write, body)));
  expect(results.some(({ status }) => status === 'rejected')).toBe(true);
  expect(other.calls).toHaveLength(20);
});

test('a call that never left moves on, whatever it does', async () => {
  const { mesh, calls } = played({ 'a:1': fails('UNAVAILABLE', notSent), 'b:1': ok });
  for (let i = 0; i < 20; i += 1) await mesh.unary(write, body, { retry: false });
  expect(calls).toContain('a:1');
});

test('other failures, and a server that says no more, end the call at once', async () => {
  for (const behaviour of [
    fails('NOT_FOUND'),
    fails('UNAVAILABLE', 'TEST', -1),
    fails('RESOURCE_EXHAUSTED'),
  ]) {
    const { mesh, calls } = played({ 'a:1': behaviour, 'b:1': behaviour });
    await expect(mesh.unary(read, body)).rejects.toMatchObject({ message: 'played' });
    expect(calls).toHaveLength(1);
  }
  const { mesh, calls } = played({ 'a:1': fails('UNAVAILABLE'), 'b:1': fails('UNAVAILABLE') });
  await expect(mesh.unary(read, body)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(calls).toHaveLength(3);
  await expect(mesh.unary(read, body, { retry: false })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(calls).toHaveLength(4);
});

test('the wait that a server asks for is kept, unless the deadline is before', async () => {
  const later = played({ 'a:1': fails('UNAVAILABLE', 'TEST', 60) });
  const startedAt = Date.now();
  await expect(later.mesh.unary(read, body)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(118);
  const tooLate = played({ 'a:1': fails('UNAVAILABLE', 'TEST', 60_000) });
  await expect(tooLate.mesh.unary(read, body)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(tooLate.calls).toHaveLength(1);
});

test('retries are bounded by a budget when everything fails', async () => {
  const { mesh, calls } = played({ 'a:1': fails('UNAVAILABLE', 'TEST', 0) });
  const count = 1_000;
  const startedAt = Date.now();
  await Promise.allSettled(Array.from({ length: count }, () => mesh.unary(read, body)));
  expect(calls.length - count).toBeLessThanOrEqual(count * 0.2 + 10 + (Date.now() - startedAt) / 100);
});

test('an instance that keeps failing is set aside, but never more than half', async () => {
  const { mesh, calls } = played({ 'a:1': fails('INTERNAL'), 'b:1': ok });
  await Promise.allSettled(Array.from({ length: 40 }, () => mesh.unary(write, body)));
  expect(mesh.instances('test.Echo').find(({ id }) => id === 'a:1')).toMatchObject({ ejected: true });
  calls.length = 0;
  for (let i = 0; i < 10; i += 1) await mesh.unary(write, body);
  expect(calls).not.toContain('a:1');
  const all = played({ 'a:1': fails('INTERNAL'), 'b:1': fails('INTERNAL') });
  await Promise.allSettled(Array.from({ length: 60 }, () => all.mesh.unary(write, body)));
  expect(all.mesh.instances('test.Echo').filter(({ ejected }) => ejected)).toHaveLength(1);
});

test('when none but those that were set aside are left, they are called', async () => {
  const kinds = { 'a:1': fails('INTERNAL'), 'b:1': fails('INTERNAL'), 'c:1': ok, 'd:1': ok };
  const instances = played(kinds);
  const { mesh, calls } = instances;
  await Promise.allSettled(Array.from({ length: 80 }, () => mesh.unary(write, body)));
  const ejected = () => mesh.instances('test.Echo').filter((one) => one.ejected);
  expect(ejected().map(({ id }) => id)).toEqual(['a:1', 'b:1']);
  instances.tell(['a:1', 'b:1']);
  expect(ejected()).toHaveLength(2);
  calls.length = 0;
  await Promise.allSettled(Array.from({ length: 80 }, () => mesh.unary(write, body)));
  for (const address of ['a:1', 'b:1'])
    expect(calls.filter((one) => one === address).length).toBeGreaterThan(20);
});

test('without a ready instance a call waits for one, and says so when none comes', async () => {
  const instances = played({ 'a:1': ok });
  const { mesh } = instances;
  instances.setReady('a:1', false);
  const waiting = mesh.unary(write, body);
  instances.setReady('a:1', true);
  expect((await waiting).message).toEqual(new Uint8Array([1]));
  instances.setReady('a:1', false);
  await expect(mesh.unary(write, body, { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    reason: 'NO_INSTANCE',
  });
  const controller = new AbortController();
  const cancelled = mesh.unary(write, body, { signal: controller.signal });
  controller.abort();
  await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('a call that may take long does not wait that long for an instance', async () => {
  const instances = played({ 'a:1': ok });
  instances.setReady('a:1', false);
  const deadlineMs = Date.now() + 9_000;
  const call = instances.mesh.unary(write, body, { timeoutMs: 9_000 });
  await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'NO_INSTANCE' });
  expect(Date.now()).toBeLessThan(deadlineMs - 1_000);
});

test('each attempt has metadata of its own, with what the caller gave', async () => {
  const seen: (readonly string[])[] = [];
  const { mesh } = played({
    'a:1': async (attempt) => {
      seen.push(attempt.metadata);
      return fails('UNAVAILABLE')(attempt);
    },
  });
  await expect(mesh.unary(read, body, { metadata: ['x-test', '1'] })).rejects.toThrow('played');
  expect(new Set(seen).size).toBe(3);
  expect(seen).toEqual([1, 2, 3].map(() => ['x-test', '1']));
});

test('a contract that grows while the mesh runs is called by its new methods', async () => {
  let current = contract;
  const growing = {
    get registry() {
      return current.registry;
    },
    get services() {
      return current.services;
    },
    get methods() {
      return current.methods;
    },
    get bytes() {
      return current.bytes;
    },
  };
  const { mesh, workloads } = playMesh(growing, { 'a:1': { unary: ok } });
  await mesh.unary(read, body);
  await expect(mesh.unary('/test.Later/read', body)).rejects.toMatchObject({ reason: 'UNKNOWN_METHOD' });
  current = echoContract('test.Later', methods);
  await mesh.unary('/test.Later/read', body);
  await expect(mesh.unary(read, body)).rejects.toMatchObject({ reason: 'UNKNOWN_METHOD' });
  // One instance serves both; who must answer there is read from the contract of the moment.
  expect(workloads).toEqual([echoWorkload]);
});
