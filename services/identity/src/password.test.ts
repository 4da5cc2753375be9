import { expect, jest, test } from '@jest/globals';
import { createPasswordHasher } from './password.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

const hasher = createPasswordHasher();

test('a password is verified by its hash, which is salted and says how it was made', async () => {
  const [one, two] = await Promise.all([hasher.hash('correct horse'), hasher.hash('correct horse')]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  expect(one).not.toBe(two);
  expect(await hasher.verify('correct horse', one)).toBe(true);
  expect(await hasher.verify('correct horsf', one)).toBe(false);
});

test('a hash of the reference implementation is understood, with its own parameters', async () => {
  // The test vector of phc-winner-argon2: version 19, 2 passes, 256 KiB, "password", "somesalt".
  const known = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';
  expect(await hasher.verify('password', known)).toBe(true);
});

test('a password is the same however its characters are composed', async () => {
  expect(await hasher.verify('cafe\u0301 noir', await hasher.hash('caf\u00e9 noir'))).toBe(true);
});

test('without a hash the answer is no, after the same work', async () => {
  const timed = async (hash: string | undefined) => {
    const before = performance.now();
    expect(await hasher.verify('whatever it is', hash)).toBe(false);
    return performance.now() - before;
  };
  const hash = await hasher.hash('something else');
  const known = Math.min(await timed(hash), await timed(hash), await timed(hash));
  const unknown = Math.min(await timed(undefined), await timed(undefined), await timed(undefined));
  expect(unknown).toBeGreaterThan(known / 3);
});
