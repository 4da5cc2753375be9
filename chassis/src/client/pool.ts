import { ServiceError } from '../errors.ts';
import type { Instance } from '../discovery/registry.ts';
import type { Endpoint } from './endpoint.ts';
import { pick } from './pick.ts';
import { RetryBudget } from './retry-budget.ts';

const mostWaiting = 1_000;

/** The instances of one gRPC service, and the calls that wait for one. */
export class Pool {
  readonly service: string;
  readonly budget = new RetryBudget();
  /** Attempts that were made, the first ones of each call among them. */
  attempts = 0;
  /** Attempts that were made again, and those that the budget forbade. */
  retries = 0;
  retriesForbidden = 0;
  /** How often an instance was set aside. */
  ejections = 0;
  /** Calls that gave up because no instance became ready. */
  unserved = 0;
  #endpoints: readonly Endpoint[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(service: string) {
    this.service = service;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Calls that wait for an instance now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a new list of instances over; `endpointOf` finds or makes their endpoints. */
  update(instances: readonly Instance[], endpointOf: (instance: Instance) => Endpoint): void {
    this.#endpoints = instances.map(endpointOf);
    this.changed();
  }

  /** A connection or the list changed: whoever waits looks again. */
  changed(): void {
    for (const look of this.#waiting) look();
  }

  /** An instance that is ready, those in `tried` last; undefined if there is none. */
  pick(tried: ReadonlySet<Endpoint>): Endpoint | undefined {
    return pick(this.#endpoints, tried, Math.random);
  }

  /**
   * Waits for an instance to become ready. Fails with UNAVAILABLE (NO_INSTANCE) after `waitMs`, and at
   * once when too many wait already; with CANCELLED when a signal is aborted.
   */
  async whenReady(waitMs: number, signals: readonly AbortSignal[]): Promise<Endpoint> {
    if (this.#waiting.size >= mostWaiting || waitMs <= 0) throw this.#noInstance();
    const { promise, resolve, reject } = Promise.withResolvers<Endpoint>();
    const look = (): void => {
      const found = this.pick(noneTried);
      if (found !== undefined) resolve(found);
    };
    const cancel = (): void => reject(new ServiceError('CANCELLED', 'CANCELLED', 'the call was cancelled'));
    const timer = setTimeout(() => reject(this.#noInstance()), waitMs);
    this.#waiting.add(look);
    for (const signal of signals) signal.addEventListener('abort', cancel);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
      for (const signal of signals) signal.removeEventListener('abort', cancel);
    }
  }

  /** Sets a failing instance aside, unless half of the instances are so already. */
  eject(endpoint: Endpoint): boolean {
    const ejected = this.#endpoints.filter((other) => other.ejected).length;
    if ((ejected + 1) * 2 > this.#endpoints.length) return false;
    endpoint.eject();
    this.ejections += 1;
    return true;
  }

  #noInstance(): ServiceError {
    this.unserved += 1;
    const known = this.#endpoints.length;
    const message = `no instance of ${this.service} is ready (${known} known)`;
    return new ServiceError('UNAVAILABLE', 'NO_INSTANCE', message);
  }
}

const noneTried: ReadonlySet<Endpoint> = new Set();
