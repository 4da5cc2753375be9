import type { Etcd3 } from 'etcd3';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../logger.ts';
import { backoffMs } from '../backoff.ts';
import { encodeInstance } from '../instance-codec.ts';
import type { Instance, Registration } from '../registry.ts';
import { etcdTimeoutMs } from './client.ts';

class LeaseLost extends Error {}

/** An instance's keys in etcd, under one lease that is kept, and got again, until `deregister`. */
export class EtcdRegistration implements Registration {
  readonly #etcd: Etcd3;
  readonly #prefix: string;
  readonly #instance: Instance;
  readonly #services: readonly string[];
  readonly #leaseS: number;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #lease: string | undefined;
  #detail = 'not registered yet';

  constructor(
    etcd: Etcd3,
    prefix: string,
    instance: Instance,
    services: readonly string[],
    leaseS: number,
    logger: Logger,
  ) {
    this.#etcd = etcd;
    this.#prefix = prefix;
    this.#instance = instance;
    this.#services = services;
    this.#leaseS = leaseS;
    this.#logger = logger;
    this.#loop = this.#run();
  }

  status(): { registered: boolean; detail: string } {
    return { registered: this.#detail === '', detail: this.#detail };
  }

  async deregister(timeoutMs = 2_000): Promise<void> {
    const withdrawn = this.#withdraw().catch((error: unknown) =>
      this.#logger.warn({ err: error }, 'the registration could not be taken back; its lease will end'),
    );
    await Promise.race([withdrawn, delay(timeoutMs, undefined, { ref: false })]);
    this.#etcd.close();
  }

  async #withdraw(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    const lease = this.#lease;
    if (lease === undefined) return;
    // Weight 0 first: a key that only vanished might have vanished by mistake.
    await this.#put(lease, { ...this.#instance, weight: 0 });
    await this.#etcd.leaseClient.leaseRevoke({ ID: lease });
  }

  /** Gets a lease, puts the keys, renews; and begins again wherever that failed. */
  async #run(): Promise<void> {
    for (let failures = 0; !this.#stop.signal.aborted;) {
      try {
        if (this.#lease === undefined) await this.#register();
        else await this.#renew(this.#lease);
        if (failures > 0) this.#logger.info({ failures }, 'registry answers again');
        failures = 0;
        this.#detail = '';
        await this.#pause((this.#leaseS * 1000) / 3);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        failures += 1;
        this.#detail = (error as Error).message;
        if (error instanceof LeaseLost) this.#lease = undefined;
        if (failures === 1) this.#logger.warn({ err: error }, 'not registered: trying again');
        await this.#pause(error instanceof LeaseLost ? 0 : backoffMs(failures));
      }
    }
  }

  async #register(): Promise<void> {
    const { ID } = await this.#etcd.leaseClient.leaseGrant({ TTL: this.#leaseS });
    await this.#put(ID, this.#instance);
    this.#lease = ID;
    this.#logger.info({ lease: ID, services: this.#services }, 'registered');
  }

  async #put(lease: string, instance: Instance): Promise<void> {
    const value = Buffer.from(encodeInstance(instance));
    const success = this.#services.map((service) => ({
      request_put: { key: Buffer.from(`${this.#prefix}${service}/${instance.id}`), value, lease },
    }));
    await this.#etcd.kv.txn({ success });
  }

  /** Renews the lease, and puts the keys again should they be gone. Throws LeaseLost when etcd knows no such lease. */
  async #renew(lease: string): Promise<void> {
    const stream = await this.#etcd.leaseClient.leaseKeepAlive({ deadline: Date.now() + etcdTimeoutMs });
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly TTL: string }>();
    stream.on('data', resolve);
    stream.on('error', reject);
    stream.on('end', () => reject(new Error('etcd ended the renewal')));
    stream.write({ ID: lease });
    const { TTL } = await promise.finally(() => stream.end());
    if (Number(TTL) <= 0) throw new LeaseLost('etcd has dropped the lease');
    const { keys } = await this.#etcd.leaseClient.leaseTimeToLive({ ID: lease, keys: true });
    if (keys.length < this.#services.length) await this.#put(lease, this.#instance);
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(stopped);
  }
}

/** A pause that ended early because of `deregister`: the loop sees that for itself. */
const stopped = () => undefined;
