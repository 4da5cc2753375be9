import { Metadata } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { ServiceError } from '../errors.ts';
import { echoContract } from '../testing/echo.ts';
import { playMesh, type Behaviour, type PlayedMesh } from '../testing/played-mesh.ts';
import type { Connection } from './connection.ts';
import { Endpoint } from './endpoint.ts';
import type { UnaryResult } from './mesh.ts';
import { connectionLost } from './retry.ts';

const contract = echoContract('test.Echo', { read: { idempotent: true }, write: {} });
const read = '/test.Echo/read';
const message = new Uint8Array([1]);
const answer = async (): Promise<UnaryResult> => ({
  message,
  headers: new Metadata(),
  trailers: new Metadata(),
});

interface Mortal extends PlayedMesh {
  /** Its connection breaks, with all that is in flight on it; answers how much that was. */
  kill(address: string): number;
}

/** Instances that never answer before they die, and one that does (`well`). */
function mortals(addresses: readonly string[]): Mortal {
  const inFlight = new Map<string, ((error: Error) => void)[]>(addresses.map((address) => [address, []]));
  const hang = (address: string): Behaviour => ({
    unary: () => new Promise((_, reject) => inFlight.get(address)?.push(reject)),
  });
  const played = playMesh(
    contract,
    Object.fromEntries(addresses.map((one) => [one, one === 'well' ? { unary: answer } : hang(one)])),
  );
  played.mesh.prepare(['test.Echo']);
  const kill = (address: string): number => {
    const lost = inFlight.get(address)?.splice(0) ?? [];
    played.setReady(address, false);
    for (const fail of lost) fail(new ServiceError('UNAVAILABLE', connectionLost, 'played'));
    return lost.length;
  };
  return { ...played, kill };
}

const callsOf = ({ mesh }: PlayedMesh, path: string, count: number, timeoutMs = 10_000) =>
  Array.from({ length: count }, () => mesh.unary(path, message, { timeoutMs }));

/** Why they failed, those that did. */
async function reasonsOf(calls: readonly Promise<unknown>[]): Promise<string[]> {
  return (await Promise.allSettled(calls)).flatMap((one) =>
    one.status === 'rejected' ? [(one.reason as ServiceError).reason] : [],
  );
}

const failuresOf = async (calls: readonly Promise<unknown>[]): Promise<number> =>
  (await reasonsOf(calls)).length;

test('an instance that dies costs no call that may be repeated, however many it had', async () => {
  const played = mortals(['mortal', 'well']);
  const calls = callsOf(played, read, 400);
  // More than the budget has: a fifth of the calls, and 10.
  expect(played.kill('mortal')).toBeGreaterThan(100);
  expect(await failuresOf(calls)).toBe(0);
  const writes = callsOf(played, '/test.Echo/write', 10);
  expect(await failuresOf(writes)).toBe(0);
  await played.mesh.close();
});

test('a loss is one for a second, and the next one counts after ten', () => {
  const connection = { ready: false } as { ready: boolean } & Connection;
  const instance = { id: 'a', address: 'a:1', zone: '', weight: 1, version: '', startedAt: '' };
  const endpoint = new Endpoint(instance, connection, undefined, 0, () => undefined);
  const times = [0, 999, 1_000, 9_999, 10_000, 10_999, 11_000];
  expect(times.map((now) => endpoint.justLost(now))).toEqual([true, true, false, false, true, true, false]);
  // It is there: what broke was one stream.
  connection.ready = true;
  expect(endpoint.justLost(30_000)).toBe(false);
});

test('with all instances dead at once, what they had in flight is no storm on anybody', async () => {
  const played = mortals(['a', 'b', 'c']);
  const calls = callsOf(played, read, 300, 400);
  for (const address of ['a', 'b', 'c']) expect(played.kill(address)).toBeGreaterThan(20);
  const reasons = await reasonsOf([...calls, ...callsOf(played, read, 100, 100)]);
  expect(reasons).toHaveLength(400);
  // They do not wait for an instance, to fall upon it.
  expect(reasons.filter((reason) => reason === connectionLost).length).toBeGreaterThan(270);
  expect(played.calls).toHaveLength(300);
  await played.mesh.close();
});

test('a write that was lost is not repeated', async () => {
  const played = mortals(['mortal', 'well']);
  const calls = callsOf(played, '/test.Echo/write', 100);
  const lost = played.kill('mortal');
  expect(await failuresOf(calls)).toBe(lost);
  await played.mesh.close();
});
