import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, test, expect } from '@jest/globals';
import { createKeyEncryption, readKeyEncryption } from './key-encryption.ts';

const folder = mkdtempSync(join(tmpdir(), 'keys-'));
afterAll(() => rmSync(folder, { recursive: true }));

const [old, current] = [randomBytes(32), randomBytes(32)];
const secret = Buffer.from('a private key');
const file = (content: string) => {
  const path = join(folder, randomBytes(4).toString('hex'));
  writeFileSync(path, content);
  return path;
};

test('a secret is opened under its name only, and not when it was altered', () => {
  const box = createKeyEncryption([current]);
  const sealed = box.seal('a', secret);
  expect(box.open('a', sealed)).toEqual(secret);
  expect(sealed.includes(secret)).toBe(false);
  expect(() => box.open('b', sealed)).toThrow('authenticate');
  for (const at of [0, 8, 20, sealed.length - 1]) {
    const altered = Buffer.from(sealed);
    altered[at] = (altered[at] ?? 0) ^ 1;
    expect(() => box.open('a', altered)).toThrow(/authenticate|KEY_ENCRYPTION_KEY_FILE/);
  }
});

test('what an older key sealed is opened while the file still has it', () => {
  const sealed = createKeyEncryption([old]).seal('a', secret);
  expect(createKeyEncryption([current, old]).open('a', sealed)).toEqual(secret);
  expect(() => createKeyEncryption([current]).open('a', sealed)).toThrow('KEY_ENCRYPTION_KEY_FILE');
});

test('the file has a key a line, the first of which seals', () => {
  const both = readKeyEncryption(file(`${current.toString('base64')}\n${old.toString('base64')}\n`));
  expect(createKeyEncryption([current]).open('a', both.seal('a', secret))).toEqual(secret);
  expect(both.derive('x')).toHaveLength(2);
  expect(both.derive('x')[0]).not.toEqual(both.derive('y')[0]);
});

test('a file that holds something else is refused, and nothing of it is told', () => {
  for (const content of [
    '',
    '\n',
    'hunter2',
    randomBytes(16).toString('base64'),
    `${current.toString('base64')}\nhunter2`,
  ]) {
    const read = () => readKeyEncryption(file(content));
    expect(read).toThrow('KEY_ENCRYPTION_KEY_FILE');
    expect(read).not.toThrow('hunter2');
  }
});
