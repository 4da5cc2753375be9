import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import type { Revocations } from '@weft/proto/weft/v1/revocation';
import { createLogger } from '../logger.ts';
import { eventually } from '../testing/eventually.ts';
import { followRevocations, type RevokedSessions, type WatchRevocations } from './revocations.ts';

const lines: { msg: string }[] = [];
const logger = createLogger({ name: 'test' }, { write: (line) => void lines.push(JSON.parse(line)) });
const following: RevokedSessions[] = [];
afterEach(() => following.splice(0).forEach((one) => one.close()));

const inMs = (ms: number) => ({ seconds: BigInt(Math.floor((Date.now() + ms) / 1000)), nanos: 0 });
const revoked = (sequence: number, ...sessionIds: string[]): Revocations => ({
  sequence: BigInt(sequence),
  sessions: sessionIds.map((sessionId) => ({ sessionId, until: inMs(60_000) })),
});

function follow(watch: WatchRevocations, patienceMs = 0): RevokedSessions {
  const list = followRevocations(watch, logger, { patienceMs, silentMs: 300 });
  following.push(list);
  return list;
}

test('a stream that breaks is opened again from where it was; what is known stays revoked meanwhile', async () => {
  const asked: bigint[] = [];
  const back = Promise.withResolvers<void>();
  const list = follow(async function* ({ afterSequence }, signal) {
    asked.push(afterSequence);
    if (asked.length === 1) {
      yield revoked(7, 'a');
      throw new Error('broken');
    }
    await back.promise;
    yield revoked(9, 'b');
    await delay(60_000, undefined, { signal, ref: false });
  });
  const news: string[] = [];
  list.onRevoked((ids) => news.push(...ids));
  await list.known;
  await eventually(() => asked.length > 1);
  expect([list.has('a'), list.has('b')]).toEqual([true, false]);
  back.resolve();
  await eventually(() => list.has('b'));
  expect(list.has('a')).toBe(true);
  expect(asked.slice(0, 2)).toEqual([0n, 7n]);
  expect(news).toEqual(['a', 'b']);
});

test('a source that stays away is logged once, and once when it is back', async () => {
  lines.length = 0;
  let tries = 0;
  const list = follow(async function* (_, signal) {
    tries += 1;
    if (tries < 6) throw new Error('away');
    yield revoked(1);
    await delay(60_000, undefined, { signal, ref: false });
  });
  expect(list.ageMs()).toBe(Infinity);
  await list.known;
  expect(list.ageMs()).toBeLessThan(5_000);
  expect(lines.map(({ msg }) => msg)).toEqual([
    'revocations are not heard: those known last stand',
    'revocations are heard again',
  ]);
});

test('a source that is away for a moment is not worth a word', async () => {
  lines.length = 0;
  let tries = 0;
  const list = follow(async function* (_, signal) {
    tries += 1;
    if (tries < 3) throw new Error('away');
    yield revoked(1);
    await delay(60_000, undefined, { signal, ref: false });
  }, 60_000);
  await list.known;
  expect(lines).toEqual([]);
});

test('a stream that falls silent is left for another', async () => {
  let streams = 0;
  const left: number[] = [];
  const list = follow(async function* (_, signal) {
    const stream = (streams += 1);
    yield revoked(stream, `session-${stream}`);
    await delay(60_000, undefined, { signal, ref: false }).catch(() => left.push(stream));
  });
  await list.known;
  await eventually(() => list.has('session-2'));
  expect(left).toContain(1);
});
