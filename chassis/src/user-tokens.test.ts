import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Mesh } from './client/mesh.ts';
import { createLogger } from './logger.ts';
import type { WatchRevocations } from './server/revocations.ts';
import { openUserTokens, type TokenSources, type UserTokens } from './user-tokens.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const config = {
  tokenIssuer: 'https://issuer.test',
  tokenAudience: 'test',
  tokenKeys: undefined,
  tokenRevocations: undefined,
};
const noMesh = {} as Mesh;
const pair = await generateKeyPair('ES256');
const keys = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256' }] };
const opened: UserTokens[] = [];
afterEach(() => opened.splice(0).forEach((one) => one.close()));

function open(own: TokenSources): UserTokens {
  const tokens = openUserTokens(config, noMesh, logger, own);
  if (tokens === undefined) throw new Error('no verifier');
  opened.push(tokens);
  return tokens;
}

const tokenOf = (sid: string) =>
  new SignJWT({ sid, roles: [] })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setSubject('ada')
    .setIssuer(config.tokenIssuer)
    .setAudience(config.tokenAudience)
    .setExpirationTime('5 min')
    .sign(pair.privateKey);

const until = { seconds: BigInt(Math.floor(Date.now() / 1000) + 600), nanos: 0 };
const revoking: WatchRevocations = async function* (_, signal) {
  yield { sequence: 1n, sessions: [{ sessionId: 'ended', until }] };
  await delay(60_000, undefined, { signal, ref: false });
};
const silence: WatchRevocations = async function* (_, signal) {
  await delay(60_000, undefined, { signal, ref: false });
  yield { sequence: 1n, sessions: [] };
};

test('it is ready once keys and revocations are there, although the source came late', async () => {
  let asked = 0;
  const tokens = open({
    keys: async () => {
      asked += 1;
      if (asked < 3) throw new Error('not yet');
      return keys;
    },
    revocations: revoking,
  });
  expect(await tokens.ready(10_000)).toBe(true);
  expect(asked).toBe(3);
  await expect(tokens.verify(await tokenOf('going on'))).resolves.toMatchObject({
    id: 'ada',
    sessionId: 'going on',
  });
  await expect(tokens.verify(await tokenOf('ended'))).rejects.toMatchObject({ reason: 'SESSION_REVOKED' });
  expect(await tokens.dependencies[0]?.state()).toEqual({ ok: true });
});

test.each<[string, TokenSources]>([
  ['keys', { keys: () => Promise.reject(new Error('away')), revocations: revoking }],
  ['revocations', { keys: async () => keys, revocations: silence }],
])('without %s it waits no longer than it should, and is no reason not to serve', async (_, own) => {
  const tokens = open(own);
  const startedAt = performance.now();
  expect(await tokens.ready(300)).toBe(false);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect(tokens.dependencies.every(({ required }) => !required)).toBe(true);
});

test('a source of revocations that is no method is a fault at the start', () => {
  const given = { ...config, tokenKeys: 'https://keys.test/jwks', tokenRevocations: 'https://keys.test' };
  expect(() => openUserTokens(given, noMesh, logger)).toThrow('TOKEN_REVOCATIONS is no method');
});
