import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { User } from '@weft/proto/shop/identity/v1/account';
import { failure, password, startIdentity, type TestIdentity } from './identity.test.support.ts';
import { identity } from './service.ts';

let shop: TestIdentity;

beforeAll(async () => {
  shop = await startIdentity();
});
afterAll(() => shop?.close());

const invalid = (...fields: string[]) =>
  expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(fields.join('.*')) });

test('a person signs up with an empty wallet and no roles', async () => {
  const { id, accounts, wallet, email } = await shop.person();
  const me = await accounts.getMe({});
  expect(me).toMatchObject({ id, email, displayName: 'Ada', roles: [] });
  expect(await wallet.getWallet({})).toEqual({
    userId: id,
    balance: { currencyCode: 'EUR', units: 0n, nanos: 0 },
  });
});

test('an address is signed up once, whatever its case, also at the same time', async () => {
  const sign = (email: string) => shop.accounts.createUser({ email, password, displayName: 'A' });
  const results = await Promise.allSettled(
    ['Twice@example.com', 'twice@example.com', ' TWICE@EXAMPLE.COM '].map(sign),
  );
  expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
  await expect(sign('twice@Example.com')).rejects.toThrow(failure('ALREADY_EXISTS', 'EMAIL_TAKEN'));
});

test('a sign-up with several faults is told all of them', async () => {
  await expect(shop.accounts.createUser({ email: 'x', password: 'short', displayName: '' })).rejects.toThrow(
    invalid('email', 'password', 'display_name'),
  );
});

test('a person changes their name, and nothing that is not theirs to change', async () => {
  const { accounts } = await shop.person();
  const before = await accounts.getMe({});
  const after = await accounts.updateMe({
    user: User.fromPartial({ displayName: 'Ada L.' }),
    updateMask: undefined,
  });
  expect(after).toEqual({ ...before, displayName: 'Ada L.', etag: after.etag, updateTime: after.updateTime });
  expect(await accounts.getMe({})).toEqual(after);
  const change = (user: Partial<User>, updateMask?: string[]) =>
    accounts.updateMe({ user: User.fromPartial(user), updateMask });
  await expect(change({ roles: ['admin'] }, ['roles', 'email', 'hat'])).rejects.toThrow(
    invalid('"roles"', '"email"', '"hat"'),
  );
  await expect(change({ email: 'other@example.com' })).rejects.toThrow(invalid('user.email'));
  await expect(change({}, ['display_name'])).rejects.toThrow(invalid('user.display_name'));
  await expect(change({ displayName: 'Late', etag: before.etag })).rejects.toThrow(
    failure('ABORTED', 'ETAG_MISMATCH'),
  );
  expect(await change({ ...after, roles: ['admin'] })).toMatchObject({ displayName: 'Ada L.', roles: [] });
});

test('without a token, or with one that is not ours, nobody is known', async () => {
  await expect(shop.accounts.getMe({})).rejects.toThrow(failure('UNAUTHENTICATED', 'TOKEN_REQUIRED'));
});

test('the first admin is made once, however many instances start, and keeps their password', async () => {
  const { mesh, service, environment } = shop;
  const second = await mesh.start(identity, {
    databaseUrl: service.databaseUrl,
    environment: { ...environment, ADMIN_PASSWORD: 'another passphrase' },
  });
  const session = await shop.sessions.createSession({ email: 'admin@example.com', password });
  expect(session.user?.roles).toEqual(['admin']);
  await second.stop();
});

test('an admin who cannot be made, or a key that cannot be read, stops the start and names the variable', async () => {
  const start = (environment: Record<string, string>) =>
    shop.mesh.start(identity, { environment: { ...shop.environment, ...environment } });
  await expect(start({ ADMIN_PASSWORD: '' })).rejects.toThrow('ADMIN_PASSWORD');
  await expect(start({ ADMIN_EMAIL: 'x' })).rejects.toThrow('ADMIN_EMAIL');
  await expect(start({ KEY_ENCRYPTION_KEY_FILE: import.meta.filename })).rejects.toThrow(
    'KEY_ENCRYPTION_KEY_FILE',
  );
});
