import { test, expect } from '@jest/globals';
import {
  accessTokenMs,
  expiredKeys,
  nextKeyDue,
  publishAheadMs,
  signingKeyAt,
  type Scheduled,
} from './signing-key.ts';

const minute = 60_000;
const lifetime = 24 * 60 * minute;
const key = (kid: string, signsFromMs: number): Scheduled => ({ kid, signsFromMs });

test('the first key is made at once', () => {
  expect(nextKeyDue([], 1000, lifetime)).toBe(1000);
});

test('the next key is made, and published, before the last has signed for its time', () => {
  const keys = [key('a', 0)];
  expect(nextKeyDue(keys, lifetime - publishAheadMs - 1, lifetime)).toBeUndefined();
  expect(nextKeyDue(keys, lifetime - publishAheadMs, lifetime)).toBe(lifetime);
  expect(nextKeyDue([...keys, key('b', lifetime)], lifetime - 1, lifetime)).toBeUndefined();
});

test('after a long standstill a new key is still published before it signs', () => {
  const now = 100 * lifetime;
  expect(nextKeyDue([key('a', 0)], now, lifetime)).toBe(now + publishAheadMs);
});

test('all instances choose the same key, whatever the order they read', () => {
  const keys = [key('b', 10), key('a', 10), key('c', 20)];
  for (const read of [keys, keys.toReversed()]) {
    expect(signingKeyAt(read, 9)).toBeUndefined();
    expect(signingKeyAt(read, 19)?.kid).toBe('b');
    expect(signingKeyAt(read, 20)?.kid).toBe('c');
  }
});

test('through a year of rotations no valid token ever loses its key', () => {
  let keys: Scheduled[] = [];
  let made = 0;
  let most = 0;
  const issued: { kid: string; expiresMs: number }[] = [];
  const orphaned: string[] = [];
  for (let now = 0; now < 365 * lifetime; now += 7 * minute) {
    const due = nextKeyDue(keys, now, lifetime);
    if (due !== undefined) keys.push(key(`${made++}`, due));
    const expired = expiredKeys(keys, now);
    keys = keys.filter((k) => !expired.includes(k));
    const signer = signingKeyAt(keys, now);
    if (signer === undefined) throw new Error('nothing to sign with');
    issued.push({ kid: signer.kid, expiresMs: now + accessTokenMs });
    while ((issued[0]?.expiresMs ?? Infinity) <= now) issued.shift();
    const published = new Set(keys.map((k) => k.kid));
    orphaned.push(...issued.filter((token) => !published.has(token.kid)).map((token) => token.kid));
    most = Math.max(most, keys.length);
  }
  expect(orphaned).toEqual([]);
  expect(most).toBeLessThanOrEqual(3);
  expect(made).toBeGreaterThanOrEqual(365);
});
