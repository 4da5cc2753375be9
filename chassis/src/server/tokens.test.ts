import { expect, test } from '@jest/globals';
import { eventually } from '../testing/eventually.ts';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type JWK,
  type JWTHeaderParameters,
} from 'jose';
import { createTokenVerifier } from './tokens.ts';

const issuer = 'https://identity.test';
const audience = 'weft';

type SigningKey = Awaited<ReturnType<typeof generateKeyPair>>['publicKey'];

interface Signer {
  readonly jwk: JWK;
  readonly publicKey: SigningKey;
  sign(
    claims?: Record<string, unknown>,
    options?: {
      exp?: string | number;
      aud?: string;
      iss?: string;
      header?: Record<string, unknown>;
    },
  ): Promise<string>;
}

async function signer(kid: string, alg = 'ES256'): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  return {
    publicKey,
    jwk: { ...(await exportJWK(publicKey)), kid, alg },
    sign: (claims = {}, { exp = '15m', aud = audience, iss = issuer, header = {} } = {}) =>
      new SignJWT({ roles: ['admin'], ...claims })
        .setProtectedHeader({ alg, kid, ...header } as JWTHeaderParameters)
        .setSubject('u-1')
        .setIssuer(iss)
        .setAudience(aud)
        .setExpirationTime(exp)
        .sign(privateKey, { crit: { 'urn:weft:test': true } }),
  };
}

/** A verifier whose source of keys can be changed, broken and counted. */
function verifier(keys: JWK[], keyCooldownMs = 0, more: { keyMaxAgeMs?: number; cacheSize?: number } = {}) {
  const source = { keys, broken: false, fetched: 0 };
  const tokens = createTokenVerifier({
    issuer,
    audience,
    keyCooldownMs,
    ...more,
    keys: async () => {
      source.fetched += 1;
      if (source.broken) throw new Error('the source is away');
      return { keys: source.keys };
    },
  });
  return { source, verify: (token: string) => tokens.verify(token) };
}

test.each(['ES256', 'RS256', 'EdDSA'])('a token signed with %s names its user', async (alg) => {
  const key = await signer('k', alg);
  const { verify, source } = verifier([key.jwk]);
  const token = await key.sign();
  expect(await verify(token)).toMatchObject({ id: 'u-1', roles: ['admin'] });
  expect(await verify(token)).toBe(await verify(token));
  expect(source.fetched).toBe(1);
});

test('what is wrong with a token refuses it', async () => {
  const key = await signer('k');
  const stranger = await signer('k');
  const { verify } = verifier([key.jwk]);
  const secret = new TextEncoder().encode(JSON.stringify(key.jwk));
  const hmac = new SignJWT({ roles: ['admin'] })
    .setProtectedHeader({ alg: 'HS256', kid: 'k' })
    .setSubject('u-1')
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime('15m');
  const none = new UnsecuredJWT({
    roles: ['admin'],
    sub: 'u-1',
    iss: issuer,
    aud: audience,
  }).setExpirationTime('15m');
  const good = await key.sign();
  const invalid = [
    await key.sign({}, { aud: 'other' }),
    await key.sign({}, { iss: 'https://elsewhere.test' }),
    await key.sign({ roles: 'admin' }),
    await stranger.sign(),
    await hmac.sign(secret),
    none.encode(),
    `${good.slice(0, -4)}AAAA`,
    good.split('.').slice(0, 2).join('.'),
    'x',
    'x'.repeat(10_000),
  ];
  for (const token of invalid)
    await expect(verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', reason: 'TOKEN_INVALID' });
  const expired = await key.sign({}, { exp: Math.floor(Date.now() / 1000) - 60 });
  await expect(verify(expired)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED' });
});

test('a remembered token expires too', async () => {
  const key = await signer('k');
  const { verify } = verifier([key.jwk]);
  // Within the tolerance for clocks that differ, which ends in a moment.
  const token = await key.sign({}, { exp: Math.floor(Date.now() / 1000) - 4 });
  expect(await verify(token)).toMatchObject({ id: 'u-1' });
  await expect(
    (async () => {
      for (;;) await verify(token);
    })(),
  ).rejects.toMatchObject({ reason: 'TOKEN_EXPIRED' });
});

test('keys rotate: an unknown key id fetches them, tokens of the key before stay good', async () => {
  const [first, second] = [await signer('k1'), await signer('k2')];
  const { verify, source } = verifier([first.jwk]);
  const before = await first.sign();
  await verify(before);
  source.keys = [first.jwk, second.jwk];
  expect(await verify(await second.sign())).toMatchObject({ id: 'u-1' });
  expect(await verify(await first.sign({ jti: '2' }))).toMatchObject({ id: 'u-1' });
  source.keys = [second.jwk];
  expect(await verify(before)).toMatchObject({ id: 'u-1' });
});

test('unknown key ids cause one fetch per cooldown', async () => {
  const [key, stranger] = [await signer('k1'), await signer('forged')];
  const { verify, source } = verifier([key.jwk], 60_000);
  await verify(await key.sign());
  for (let i = 0; i < 5; i += 1)
    await expect(verify(await stranger.sign({ i }))).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
  expect(source.fetched).toBe(1);
});

test('while the source is away the last keys stay in use; without any it is UNAVAILABLE', async () => {
  const key = await signer('k');
  const { verify, source } = verifier([key.jwk]);
  source.broken = true;
  await expect(verify(await key.sign())).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    reason: 'KEYS_UNAVAILABLE',
  });
  source.broken = false;
  await verify(await key.sign());
  source.broken = true;
  expect(await verify(await key.sign({ jti: '2' }))).toMatchObject({ id: 'u-1' });
  const stranger = await signer('other');
  await expect(verify(await stranger.sign())).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
});

test('a remembered token stops counting once its key has left the set, and others go on', async () => {
  const [first, second] = [await signer('k1'), await signer('k2')];
  const { verify, source } = verifier([first.jwk, second.jwk], 0, { keyMaxAgeMs: 0 });
  const [revoked, good] = [await first.sign(), await second.sign()];
  const user = await verify(good);
  await verify(revoked);
  source.keys = [second.jwk];
  // Nothing but remembered tokens is asked for: the keys grow old all the same.
  await eventually(() => expect(verify(revoked)).rejects.toMatchObject({ reason: 'TOKEN_INVALID' }));
  expect(await verify(good)).toBe(user);
});

test('a key that is replaced under its id takes its tokens with it, also those that name no key', async () => {
  const [before, after] = [await signer('k'), await signer('k')];
  const { verify, source } = verifier([before.jwk], 0, { keyMaxAgeMs: 0 });
  const named = await before.sign();
  const unnamed = await before.sign({}, { header: { kid: undefined } });
  await Promise.all([verify(named), verify(unnamed)]);
  source.keys = [after.jwk];
  for (const token of [named, unnamed])
    await eventually(() => expect(verify(token)).rejects.toMatchObject({ reason: 'TOKEN_INVALID' }));
});

test('keys that grew old are fetched again, once per cooldown while their source is away', async () => {
  const key = await signer('k');
  const { verify, source } = verifier([key.jwk], 60_000, { keyMaxAgeMs: -1 });
  const token = await key.sign();
  for (let i = 0; i < 5; i += 1) await verify(token);
  expect(source.fetched).toBe(1);
});

test('tokens that were not used for the longest time are forgotten first', async () => {
  const key = await signer('k');
  const { verify } = verifier([key.jwk], 0, { cacheSize: 2 });
  const [a, b, c] = [
    await key.sign({ jti: 'a' }),
    await key.sign({ jti: 'b' }),
    await key.sign({ jti: 'c' }),
  ];
  const [userA, userB] = [await verify(a), await verify(b)];
  expect(await verify(a)).toBe(userA);
  await verify(c);
  expect(await verify(a)).toBe(userA);
  expect(await verify(b)).not.toBe(userB);
});

test('a token counts from nbf on; iat says nothing of validity (RFC 7519, 4.1.6)', async () => {
  const key = await signer('k');
  const { verify } = verifier([key.jwk]);
  const now = Math.floor(Date.now() / 1000);
  await expect(verify(await key.sign({ nbf: now + 60 }))).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
  expect(await verify(await key.sign({ nbf: now + 2 }))).toMatchObject({ id: 'u-1' });
  expect(await verify(await key.sign({ iat: now + 600 }))).toMatchObject({ id: 'u-1' });
});

test('headers of a token that ask for more, or for another key, refuse it', async () => {
  const [key, rsa] = [await signer('k'), await signer('r', 'RS256')];
  const { verify } = verifier([key.jwk, rsa.jwk]);
  const attacker = await generateKeyPair('ES256');
  const own = await exportJWK(attacker.publicKey);
  const forged = (
    header: Record<string, unknown>,
    signingKey: SigningKey | Uint8Array = attacker.privateKey,
  ) =>
    new SignJWT({ roles: ['admin'] })
      .setProtectedHeader({ alg: 'ES256', ...header })
      .setSubject('u-1')
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime('15m')
      .sign(signingKey);
  const pem = new TextEncoder().encode(await exportSPKI(rsa.publicKey));
  const tokens = [
    await key.sign({}, { header: { crit: ['urn:weft:test'], 'urn:weft:test': 1 } }),
    await forged({ kid: 'k' }),
    await forged({ kid: 'k', jwk: own }),
    await forged({ kid: 'k', jku: 'https://attacker.test/keys' }),
    // The public key as the secret of a symmetric signature.
    await forged({ alg: 'HS256', kid: 'r' }, pem),
    await forged({ kid: '../../dev/null' }),
    await forged({ kid: '__proto__' }),
    await forged({ kid: "k' OR '1'='1" }),
    await key.sign({}, { header: { alg: 'ES256', kid: 'r' } }),
  ];
  for (const token of tokens) await expect(verify(token)).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
});
