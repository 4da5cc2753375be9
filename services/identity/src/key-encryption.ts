import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const keyIdBytes = 8;

/** Protects secrets in the database, so that who reads only the database learns none. */
export interface KeyEncryption {
  /** Encrypted and bound to `name`: opened under another name, it fails. */
  seal(name: string, secret: Buffer): Buffer;
  /** Throws when it was sealed with no key of this file, under another name, or was altered. */
  open(name: string, sealed: Buffer): Buffer;
  /** Keys for one other purpose, one for each key of the file, in its order. */
  derive(purpose: string): readonly Buffer[];
}

/**
 * Reads KEY_ENCRYPTION_KEY_FILE: one key a line, 32 random bytes in base64 (`openssl rand -base64 32`). The
 * first encrypts, all decrypt: to rotate, put a new line on top, restart, and drop the old one when the
 * signing keys that it sealed are gone. Throws, without showing any of it, when the file is something else.
 */
export function readKeyEncryption(file: string): KeyEncryption {
  const lines = readFileSync(file, 'utf8').split('\n');
  const keys = lines.map((line) => line.trim()).filter((line) => line !== '');
  const faulty = keys.findIndex((key) => !/^[A-Za-z0-9+/]{43}=$/.test(key));
  if (keys.length === 0 || faulty >= 0)
    throw new Error(
      `KEY_ENCRYPTION_KEY_FILE ${file} ` +
        (keys.length === 0 ? 'is empty' : `has no 32 bytes of base64 as its key ${faulty + 1}`),
    );
  return createKeyEncryption(keys.map((key) => Buffer.from(key, 'base64')));
}

/** AES-256-GCM with a random nonce. Sealed: 8 bytes that name the key, nonce, tag, ciphertext. */
export function createKeyEncryption(keys: readonly Buffer[]): KeyEncryption {
  const [first] = keys;
  if (first === undefined || keys.some((key) => key.length !== keyBytes))
    throw new RangeError(`needs at least one key, each of ${keyBytes} bytes`);
  const byId = new Map(keys.map((key) => [keyId(key).toString('hex'), key]));
  return {
    seal(name, secret) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', first, nonce).setAAD(Buffer.from(name));
      const text = Buffer.concat([cipher.update(secret), cipher.final()]);
      return Buffer.concat([keyId(first), nonce, cipher.getAuthTag(), text]);
    },
    open(name, sealed) {
      const key = byId.get(sealed.subarray(0, keyIdBytes).toString('hex'));
      if (key === undefined)
        throw new Error(`${name} was encrypted with a key that KEY_ENCRYPTION_KEY_FILE lacks`);
      const tagAt = keyIdBytes + nonceBytes;
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(keyIdBytes, tagAt), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(Buffer.from(name)).setAuthTag(sealed.subarray(tagAt, tagAt + tagBytes));
      return Buffer.concat([decipher.update(sealed.subarray(tagAt + tagBytes)), decipher.final()]);
    },
    derive: (purpose) =>
      keys.map((key) => Buffer.from(hkdfSync('sha256', key, '', `weft ${purpose}`, keyBytes))),
  };
}

function keyId(key: Buffer): Buffer {
  return createHash('sha256').update('weft key id').update(key).digest().subarray(0, keyIdBytes);
}
