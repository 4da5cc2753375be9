import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { openDatabase, type Database } from '@weft/chassis/data/database';
import { migrate } from '@weft/chassis/data/migrations';
import { createLogger } from '@weft/chassis/logger';
import { testDatabase } from '@weft/chassis/testing/fixtures';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { createAccessTokens } from './access-token.ts';
import { createKeyEncryption } from './key-encryption.ts';
import { createKeyRing, type KeyRing } from './key-ring.ts';
import { migrations } from './migrations/index.ts';
import { accessTokenMs, publishAheadMs } from './signing-key.ts';
import type { Tables } from './tables.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

const dayMs = 24 * 3_600_000;
const names = { issuer: 'https://identity.test', audience: 'test' };
const logger = createLogger({ name: 'test', level: 'silent' });
const key = randomBytes(32);
let database: Database<Tables>;
let nowMs = Date.now();

beforeAll(async () => {
  database = openDatabase<Tables>(await testDatabase());
  await migrate(database, migrations);
});
afterAll(() => database?.close());

const ring = (encryption = createKeyEncryption([key])) =>
  createKeyRing({ database, encryption, lifetimeMs: dayMs, logger, now: () => nowMs });
const kids = (of: KeyRing) => of.keySet().keys.map((k) => k.kid);

test('instances that start at once share one key', async () => {
  const rings = Array.from({ length: 5 }, () => ring());
  await Promise.all(rings.map((r) => r.refresh()));
  const signing = new Set(rings.map((r) => r.signing().kid));
  expect(signing.size).toBe(1);
  for (const r of rings) expect(kids(r)).toEqual([...signing]);
});

test('a key is published before it signs, and stays until the last token of it has expired', async () => {
  const [one, two] = [ring(), ring()];
  const refresh = () => Promise.all([one.refresh(), two.refresh()]);
  await refresh();
  const first = one.signing().kid;
  const { token } = await createAccessTokens(one, names).issue({ id: 'ada', roles: [] }, 'session');
  const verifies = async (of: KeyRing) => jwtVerify(token, createLocalJWKSet(of.keySet()), names);

  nowMs += dayMs - publishAheadMs;
  await refresh();
  expect([one, two].map((r) => r.signing().kid)).toEqual([first, first]);
  expect(kids(one)).toHaveLength(2);
  expect(new Set(kids(two))).toEqual(new Set(kids(one)));

  nowMs += publishAheadMs;
  await refresh();
  const second = one.signing().kid;
  expect(second).not.toBe(first);
  expect(two.signing().kid).toBe(second);
  await expect(verifies(two)).resolves.toBeTruthy();

  nowMs += accessTokenMs;
  await refresh();
  expect(kids(one)).toContain(first);
  nowMs += dayMs / 2;
  await refresh();
  expect(kids(one)).toEqual([second]);
  await expect(verifies(one)).rejects.toThrow('no applicable key');
});

test('who has only the database, and not the key file, cannot sign', async () => {
  await expect(ring(createKeyEncryption([randomBytes(32)])).refresh()).rejects.toThrow(
    'KEY_ENCRYPTION_KEY_FILE',
  );
});

test('when the database is away the keys in memory stay in use', async () => {
  const away = openDatabase<Tables>('mysql://nobody:x@127.0.0.1:1/none');
  const own = createKeyRing({
    database: away,
    encryption: createKeyEncryption([key]),
    lifetimeMs: dayMs,
    logger,
  });
  await expect(own.refresh()).rejects.toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
  const other = ring();
  await other.refresh();
  expect(other.signing().kid).toBeTruthy();
  await away.close();
});
