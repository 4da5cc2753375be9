import { Metadata } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { ServiceError } from '../errors.ts';
import { echoContract } from '../testing/echo.ts';
import { playMesh, type Behaviour, type PlayedMesh } from '../testing/played-mesh.ts';
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

async function failuresOf(calls: readonly Promise<unknown>[]): Promise<number> {
  return (await Promise.allSettled(calls)).filter(({ status }) => status === 'rejected').length;
}

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

test('one that loses its connections again and again has the budget alone', async () => {
  const played = mortals(['mortal', 'well']);
  const dieWith400 = async () => {
    played.setReady('mortal', true);
    const before = played.calls.length;
    const calls = callsOf(played, read, 400);
    const lost = played.kill('mortal');
    const failures = await failuresOf(calls);
    return { lost, failures, attempts: played.calls.length - before };
  };
  const first = await dieWith400();
  expect(first).toMatchObject({ failures: 0, attempts: 400 + first.lost });
  // The ten of a second come twice where a second ends in between.
  expect((await dieWith400()).attempts).toBeLessThanOrEqual(400 * 1.2 + 20);
  await played.mesh.close();
});

test('with all instances dead at once, what they had in flight is no storm on anybody', async () => {
  const played = mortals(['a', 'b', 'c']);
  const calls = callsOf(played, read, 300, 400);
  for (const address of ['a', 'b', 'c']) expect(played.kill(address)).toBeGreaterThan(20);
  expect(await failuresOf([...calls, ...callsOf(played, read, 100, 100)])).toBe(400);
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
