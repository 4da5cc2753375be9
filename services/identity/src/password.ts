import { argon2, randomBytes, timingSafeEqual, type Argon2Parameters } from 'node:crypto';
import { promisify } from 'node:util';
import { createLimiter } from './limiter.ts';

/** Least of what OWASP's Password Storage Cheat Sheet asks of argon2id: 19 MiB, two passes, one lane. */
const memoryKiB = 19_456;
const passes = 2;
const parallelism = 1;
const saltBytes = 16;
const tagBytes = 32;

const derive = promisify(argon2);

export interface PasswordHasher {
  /** A new hash in the PHC string format, `$argon2id$v=19$m=…,t=…,p=…$salt$tag`. */
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /** Whether it is the password of the hash. Takes as long when there is no hash, and answers no. */
  verify(password: string, hash: string | undefined, signal?: AbortSignal): Promise<boolean>;
}

/**
 * Hashes with argon2id (RFC 9106). A hash takes 19 MiB and some 40 ms of a core; `concurrency` (default 2)
 * run at once and `queueLimit` (default 128) wait, so that a burst of sign-ins cannot eat the memory.
 * Beyond that, RESOURCE_EXHAUSTED; see Limiter.
 */
export function createPasswordHasher(
  options: { concurrency?: number; queueLimit?: number } = {},
): PasswordHasher {
  const limiter = createLimiter({
    concurrency: options.concurrency ?? 2,
    queueLimit: options.queueLimit ?? 128,
  });
  const decoy = {
    memory: memoryKiB,
    passes,
    parallelism,
    nonce: randomBytes(saltBytes),
    tag: randomBytes(tagBytes),
  };
  return {
    async hash(password, signal) {
      const nonce = randomBytes(saltBytes);
      const parameters = { memory: memoryKiB, passes, parallelism, nonce };
      const tag = await limiter.run(() => tagOf(password, parameters, tagBytes), signal);
      return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${parallelism}$${unpadded(nonce)}$${unpadded(tag)}`;
    },
    async verify(password, hash, signal) {
      const stored = hash === undefined ? decoy : parse(hash);
      const tag = await limiter.run(() => tagOf(password, stored, stored.tag.length), signal);
      return timingSafeEqual(tag, stored.tag) && hash !== undefined;
    },
  };
}

type Parameters = Pick<Argon2Parameters, 'memory' | 'passes' | 'parallelism'> & { readonly nonce: Buffer };

function tagOf(password: string, parameters: Parameters, tagLength: number): Promise<Buffer> {
  // One password can be typed as different code points: RFC 8265, section 4.2.2.
  const message = password.normalize('NFC');
  const { memory, passes, parallelism, nonce } = parameters;
  return derive('argon2id', { message, memory, passes, parallelism, nonce, tagLength });
}

function parse(hash: string): Parameters & { readonly tag: Buffer } {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(hash);
  if (match === null) throw new Error('a stored password hash cannot be read');
  const [, memory, passes, parallelism, salt = '', tag = ''] = match;
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    nonce: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
