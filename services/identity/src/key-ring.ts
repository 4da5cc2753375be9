import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Database } from '@weft/chassis/data/database';
import type { Logger } from '@weft/chassis/logger';
import { periodic } from '@weft/chassis/periodic';
import type { Background } from '@weft/chassis/service';
import { calculateJwkThumbprint, exportJWK, type JSONWebKeySet, type JWK } from 'jose';
import type { KeyEncryption } from './key-encryption.ts';
import { expiredKeys, nextKeyDue, signingKeyAt, type Scheduled } from './signing-key.ts';
import * as store from './signing-key-store.ts';
import type { Tables } from './tables.ts';

/** Well below the time that a key is published before it signs. */
const reloadMs = 60_000;

export interface SigningKey extends Scheduled {
  readonly privateKey: KeyObject;
  readonly publicJwk: JWK;
}

/** The signing keys (ES256), which all instances share through the database. */
export interface KeyRing {
  /** Reads the keys, and makes the next one if it is time. Throws if the database fails or a key cannot be decrypted. */
  refresh(): Promise<void>;
  /** The key that signs now. */
  signing(): SigningKey;
  /** All public keys that a valid token may be signed with, and the next one (RFC 7517). */
  keySet(): JSONWebKeySet;
  /** Refreshes every minute or so; when that fails the keys in memory stay in use. */
  readonly background: Background;
}

export interface KeyRingOptions {
  readonly database: Database<Tables>;
  readonly encryption: KeyEncryption;
  /** How long a key signs. */
  readonly lifetimeMs: number;
  readonly logger: Logger;
  /** Unix milliseconds. Default: Date.now. */
  readonly now?: () => number;
}

/** Nothing is read before the first `refresh`. */
export function createKeyRing(options: KeyRingOptions): KeyRing {
  const { database, encryption, lifetimeMs, logger, now = Date.now } = options;
  let keys: readonly SigningKey[] = [];

  const rotateIfDue = async () => {
    const stored = await store.signingKeys(database.kysely);
    const due = (all: readonly Scheduled[]) => nextKeyDue(all, now(), lifetimeMs);
    if (due(stored) === undefined && expiredKeys(stored, now()).length === 0) return stored;
    return database.transaction(async (tx) => {
      await store.lockRotation(tx);
      const current = await store.signingKeys(tx);
      const signsFromMs = due(current);
      if (signsFromMs !== undefined) {
        const key = await generateKey(encryption, signsFromMs);
        await store.insertSigningKey(tx, key);
        current.push(key);
        logger.info({ kid: key.kid, signsFrom: new Date(signsFromMs) }, 'a signing key was made');
      }
      const expired = new Set(expiredKeys(current, now()).map((key) => key.kid));
      await store.deleteSigningKeys(tx, [...expired]);
      return current.filter((key) => !expired.has(key.kid));
    });
  };

  const refresh = async () => {
    const stored = await rotateIfDue();
    const known = new Map(keys.map((key) => [key.kid, key]));
    keys = stored.map((key) => known.get(key.kid) ?? opened(encryption, key));
  };

  return {
    refresh,
    signing() {
      const key = signingKeyAt(keys, now());
      if (key === undefined) throw new Error('no signing key was loaded');
      return key;
    },
    keySet: () => ({ keys: keys.map((key) => key.publicJwk) }),
    background: periodic({ name: 'refreshing the signing keys', everyMs: reloadMs, work: refresh, logger }),
  };
}

async function generateKey(encryption: KeyEncryption, signsFromMs: number): Promise<store.StoredKey> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  const der = privateKey.export({ type: 'pkcs8', format: 'der' });
  return {
    kid,
    signsFromMs,
    publicJwk: JSON.stringify({ ...jwk, kid, alg: 'ES256', use: 'sig' }),
    sealedPrivateKey: encryption.seal(sealName(kid), der),
  };
}

function opened(encryption: KeyEncryption, key: store.StoredKey): SigningKey {
  const der = encryption.open(sealName(key.kid), key.sealedPrivateKey);
  return {
    kid: key.kid,
    signsFromMs: key.signsFromMs,
    privateKey: createPrivateKey({ key: der, type: 'pkcs8', format: 'der' }),
    publicJwk: JSON.parse(key.publicJwk) as JWK,
  };
}

function sealName(kid: string): string {
  return `signing key ${kid}`;
}
