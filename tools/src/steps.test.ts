import { expect, test } from '@jest/globals';
import { all } from './all.ts';
import { Steps } from './steps.ts';

test('a part that fails is named, with its reason', async () => {
  let out = '';
  const steps = new Steps((text) => (out += text));
  await steps.run(
    'etcd',
    async () => 1,
    () => '127.0.0.1:1',
  );
  const failing = steps.run('catalog', () => Promise.reject(new Error('no database')));
  await expect(failing).rejects.toThrow('catalog: no database');
  expect(out).toMatch(/✓.* etcd .*127\.0\.0\.1:1/);
  expect(out).toMatch(/✗.* catalog .*failed/);
});

test('when one of several parts fails, the others have ended before the error is thrown', async () => {
  let ended = false;
  const slow = new Promise((resolve) => setTimeout(resolve, 20)).then(() => (ended = true));
  await expect(all([Promise.reject(new Error('first')), slow])).rejects.toThrow('first');
  expect(ended).toBe(true);
});
