import { test, expect } from '@jest/globals';
import { judge, newRefreshToken, refreshTokenHash, retryGraceMs, successorOf } from './refresh-token.ts';

const key = Buffer.alloc(32, 1);
const hash = refreshTokenHash;
const family = {
  currentHash: hash('current'),
  previousHash: hash('previous'),
  rotatedAtMs: 1000,
  expiresAtMs: 1e6,
};

test('tokens have 256 bits, and the successor of one depends on it and on the key', () => {
  const token = newRefreshToken();
  expect(token).toMatch(/^[\w-]{43}$/);
  expect(successorOf(token, key)).toMatch(/^[\w-]{43}$/);
  expect(successorOf(token, key)).toBe(successorOf(token, key));
  expect(successorOf(token, key)).not.toBe(successorOf(token, Buffer.alloc(32, 2)));
  expect(successorOf(token, key)).not.toBe(successorOf(newRefreshToken(), key));
});

test('the current token is traded, however late', () => {
  expect(judge(hash('current'), family, 999_999)).toBe('rotate');
});

test('the one before is answered again for a moment, then it ends the session', () => {
  expect(judge(hash('previous'), family, 1000 + retryGraceMs)).toBe('repeat');
  expect(judge(hash('previous'), family, 1001 + retryGraceMs)).toBe('reused');
});

test('an older one ends the session at once', () => {
  expect(judge(hash('older'), family, 1001)).toBe('reused');
  expect(judge(hash('older'), { ...family, previousHash: undefined }, 1001)).toBe('reused');
});

test('nothing is traded in a session that is over', () => {
  expect(judge(hash('current'), family, 1e6)).toBe('ended');
  expect(judge(hash('previous'), family, 1e6)).toBe('ended');
});
