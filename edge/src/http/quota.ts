import { createRequire } from 'node:module';
import type { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Rate } from './rate.ts';

// The package's own entry loads a client of every database there is: 67 ms and 11 MB.
const Limiter = createRequire(import.meta.url)(
  'rate-limiter-flexible/lib/RateLimiterMemory.js',
) as typeof RateLimiterMemory;

/** So many share a quota of those who come when too many are known already. */
const sharedQuotas = 1_024;

/** What is left of a quota. */
export interface Taken {
  readonly refused: boolean;
  readonly remaining: number;
  /** Until the window ends, milliseconds. */
  readonly resetMs: number;
}

/**
 * Counts the requests of each key within its own window. It remembers at most twice `maxKeys` keys, some
 * 400 bytes each: once that many came within a window, keys that are not known yet share some quotas.
 */
export class Quota {
  readonly rate: Rate;
  readonly #limiter: RateLimiterMemory;
  readonly #maxKeys: number;
  // A key is forgotten when its window ends. So those that are known have come in this span of time, or in
  // the one before it, each as long as a window.
  #startedAt = 0;
  #came = 0;
  #cameBefore = 0;

  constructor(rate: Rate, maxKeys = 50_000) {
    this.rate = rate;
    this.#limiter = new Limiter({ points: rate.requests, duration: rate.seconds, keyPrefix: '' });
    this.#maxKeys = maxKeys;
  }

  /** Takes one request from the key's quota. A refused one costs nothing more. */
  async take(key: string): Promise<Taken> {
    const known = this.#isFull() && (await this.#limiter.get(key)) === null ? shared(key) : key;
    let result: RateLimiterRes;
    let refused = false;
    try {
      result = await this.#limiter.consume(known);
    } catch (error) {
      // The limiter rejects with a result too.
      if (error instanceof Error) throw error;
      result = error as RateLimiterRes;
      refused = true;
    }
    if (result.isFirstInDuration) this.#came += 1;
    return { refused, remaining: result.remainingPoints, resetMs: result.msBeforeNext };
  }

  #isFull(): boolean {
    const span = this.rate.seconds * 1000;
    const now = Date.now();
    if (now - this.#startedAt >= span) {
      this.#cameBefore = now - this.#startedAt >= 2 * span ? 0 : this.#came;
      this.#came = 0;
      this.#startedAt = now;
    }
    return this.#came + this.#cameBefore >= this.#maxKeys;
  }
}

function shared(key: string): string {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  return `shared ${(hash >>> 0) % sharedQuotas}`;
}
