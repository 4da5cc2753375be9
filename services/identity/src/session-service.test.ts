import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { client } from '@weft/chassis/client/client';
import { withToken } from '@weft/chassis/testing/mesh';
import { AccountServiceService } from '@weft/proto/shop/identity/v1/account';
import { failure, password, startIdentity, type TestIdentity } from './identity.test.support.ts';
import { retryGraceMs } from './refresh-token.ts';

let shop: TestIdentity;

beforeAll(async () => {
  shop = await startIdentity();
});
afterAll(() => shop?.close());

const refresh = (refreshToken: string) => shop.sessions.refreshSession({ refreshToken });
const keySet = async () => {
  const { contentType, data } = await shop.keys.getKeySet({});
  expect(contentType).toBe('application/jwk-set+json');
  return JSON.parse(data.toString()) as JSONWebKeySet;
};
/** As if the last rotation of every session had been longer ago than a retry may take. */
const letGracePass = async () => {
  const past = new Date(Date.now() - retryGraceMs - 1000);
  await shop.service.database.kysely.updateTable('session').set({ rotated_at: past }).execute();
};

test('an access token is an ES256 JWT of 15 minutes that the published keys verify', async () => {
  const { session, id } = await shop.person();
  const { payload, protectedHeader } = await jwtVerify(
    session.accessToken,
    createLocalJWKSet(await keySet()),
    {
      issuer: shop.mesh.environment['TOKEN_ISSUER'] ?? '',
      audience: shop.mesh.environment['TOKEN_AUDIENCE'] ?? '',
      algorithms: ['ES256'],
    },
  );
  expect(protectedHeader.kid).toBeTruthy();
  expect(payload).toMatchObject({ sub: id, roles: [], jti: expect.any(String), sid: expect.any(String) });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(900);
  expect(session.expireTime?.seconds).toBe(BigInt(payload.exp ?? 0));
});

test('published keys have nothing private', async () => {
  for (const key of (await keySet()).keys)
    expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
});

test('a wrong password and a wrong address get the same answer', async () => {
  const { email } = await shop.person();
  const wrong = failure('UNAUTHENTICATED', 'INVALID_CREDENTIALS');
  const attempts = [
    { email, password: 'not the passphrase' },
    { email: 'nobody@example.com', password },
    { email: 'no address', password },
    { email, password: 'x'.repeat(100_000) },
  ];
  const errors = await Promise.all(
    attempts.map((a) => shop.sessions.createSession(a).catch((e: unknown) => e)),
  );
  for (const error of errors) expect(error).toEqual(wrong);
  expect(new Set(errors.map((e) => (e as Error).message)).size).toBe(1);
  await expect(shop.sessions.createSession({ email: '', password: '' })).rejects.toThrow(/email.*password/);
});

test('a refresh gives a new pair, and the session goes on from there', async () => {
  const { session, id } = await shop.person();
  let { refreshToken } = session;
  const seen = new Set([refreshToken]);
  for (let n = 0; n < 3; n++) {
    const next = await refresh(refreshToken);
    const me = client(AccountServiceService, withToken(await shop.mesh.as('edge'), next.accessToken));
    expect((await me.getMe({})).id).toBe(id);
    ({ refreshToken } = next);
    seen.add(refreshToken);
  }
  expect(seen.size).toBe(4);
});

test('of 20 refreshes at once with one token there is one successor, and it lives', async () => {
  const { session } = await shop.person();
  const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(session.refreshToken)));
  const successors = new Set(answers.map((a) => a.refreshToken));
  expect(successors.size).toBe(1);
  const [successor = ''] = successors;
  await expect(refresh(successor)).resolves.toBeTruthy();
});

test('a retry after a lost answer gets the same successor, as long as nobody went on', async () => {
  const { session } = await shop.person();
  const first = await refresh(session.refreshToken);
  const again = await refresh(session.refreshToken);
  expect(again.refreshToken).toBe(first.refreshToken);
  const next = await refresh(first.refreshToken);
  await expect(refresh(session.refreshToken)).rejects.toThrow(
    failure('UNAUTHENTICATED', 'REFRESH_TOKEN_REUSED'),
  );
  await expect(refresh(next.refreshToken)).rejects.toThrow(failure('UNAUTHENTICATED', 'SESSION_ENDED'));
});

test('an old token used again later ends the session for both holders, and no other session', async () => {
  const { session, email } = await shop.person();
  const other = await shop.sessions.createSession({ email, password });
  const next = await refresh(session.refreshToken);
  await letGracePass();
  await expect(refresh(session.refreshToken)).rejects.toThrow(
    failure('UNAUTHENTICATED', 'REFRESH_TOKEN_REUSED'),
  );
  await expect(refresh(next.refreshToken)).rejects.toThrow(failure('UNAUTHENTICATED', 'SESSION_ENDED'));
  await expect(refresh(other.refreshToken)).resolves.toBeTruthy();
});

test('a session that was signed out gives no more tokens, whichever of its tokens was sent', async () => {
  const { session } = await shop.person();
  const { refreshToken } = await refresh(session.refreshToken);
  await shop.sessions.revokeSession({ refreshToken: session.refreshToken });
  await shop.sessions.revokeSession({ refreshToken });
  await expect(refresh(refreshToken)).rejects.toThrow(failure('UNAUTHENTICATED', 'SESSION_ENDED'));
});

test('a token that nobody gave out is no session, and signing out with it is no error', async () => {
  await expect(refresh('made up')).rejects.toThrow(failure('UNAUTHENTICATED', 'INVALID_REFRESH_TOKEN'));
  await expect(shop.sessions.revokeSession({ refreshToken: 'made up' })).resolves.toEqual({});
  await expect(refresh('')).rejects.toThrow(failure('INVALID_ARGUMENT', 'INVALID_ARGUMENT'));
});

test('no token, password or private key is stored as it is', async () => {
  const { session } = await shop.person();
  const { kysely } = shop.service.database;
  const rows = await Promise.all(
    (['account', 'session', 'refresh_token', 'signing_key'] as const).map((table) =>
      kysely.selectFrom(table).selectAll().execute(),
    ),
  );
  const stored = JSON.stringify(rows, (_, value: unknown) => value);
  const bytes = Buffer.concat(
    rows.flat().flatMap((row) => Object.values(row).filter((value) => Buffer.isBuffer(value))),
  );
  for (const secret of [session.refreshToken, password, '"d":']) expect(stored).not.toContain(secret);
  for (const secret of [session.refreshToken, password]) expect(bytes.includes(secret)).toBe(false);
  const { kid } = decodeProtectedHeader(session.accessToken);
  expect(stored).toContain(kid);
});
