import type { Etcd3 } from 'etcd3';
import { CompareResult, CompareTarget } from 'etcd3';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../logger.ts';
import { backoffMs, jitteredMs } from '../backoff.ts';
import { decodeInstance, encodeInstance } from '../instance-codec.ts';
import type { Instance, Registration } from '../registry.ts';
import type { EtcdLink } from './link.ts';
import { observeRegistration } from './metrics.ts';

/** How soon to look again while another process has the instance's keys. */
const yieldedMs = 1_000;
/** etcd's own limit is 128 operations in one transaction. */
const mostInTransaction = 100;

export interface Registered {
  readonly prefix: string;
  readonly instance: Instance;
  readonly services: readonly string[];
  readonly leaseS: number;
}

/**
 * An instance's keys in etcd, under one lease that is kept, and got again, until `deregister`. Keys that
 * somebody removed or overwrote are put again at the next renewal, but not those of a process with the same
 * instance id that started later: the two would take them from each other for ever.
 */
export class EtcdRegistration implements Registration {
  readonly #link: EtcdLink;
  readonly #of: Registered;
  readonly #value: Buffer;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #lease: string | undefined;
  #detail = 'not registered yet';
  /** When the lease ends unless it is renewed. */
  #leaseUntil = 0;
  readonly #unobserve: () => void;
  #gone: Promise<void> | undefined;

  constructor(link: EtcdLink, of: Registered, logger: Logger) {
    this.#link = link;
    this.#of = of;
    this.#value = Buffer.from(encodeInstance(of.instance));
    this.#logger = logger;
    this.#loop = this.#run();
    this.#unobserve = observeRegistration(this);
  }

  status(): { registered: boolean; detail: string; leaseMs: number } {
    const leaseMs = Math.max(0, this.#leaseUntil - performance.now());
    return { registered: this.#detail === '', detail: this.#detail, leaseMs };
  }

  deregister(timeoutMs = 2_000): Promise<void> {
    this.#gone ??= this.#leave(timeoutMs);
    return this.#gone;
  }

  async #leave(timeoutMs: number): Promise<void> {
    this.#stop.abort();
    const withdrawn = this.#withdraw().catch((error: unknown) =>
      this.#logger.warn({ err: error }, 'the registration could not be taken back; its lease will end'),
    );
    await Promise.race([withdrawn, delay(timeoutMs, undefined, { ref: false })]);
    this.#detail = 'deregistered';
    this.#unobserve();
    this.#link.close();
  }

  async #withdraw(): Promise<void> {
    await this.#loop;
    const lease = this.#lease;
    if (lease === undefined) return;
    const etcd = await this.#link.client();
    const { services, instance } = this.#of;
    const last = Buffer.from(encodeInstance({ ...instance, weight: 0 }));
    // Weight 0 first: a key that only vanished might have vanished by mistake. Not over another's value.
    const own = { target: CompareTarget.Value, result: CompareResult.Equal, value: this.#value };
    const say = (key: Buffer) =>
      etcd.kv.txn({
        compare: [{ ...own, key }],
        success: [{ request_put: { key, value: last, lease } }],
      });
    await Promise.all(services.map((service) => say(this.#key(service))));
    await etcd.leaseClient.leaseRevoke({ ID: lease });
  }

  /** Gets a lease, puts the keys, renews; and begins again wherever that failed. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted;) {
      try {
        const etcd = await this.#link.client();
        const taken = await this.#keep(etcd);
        if (failures > 0) this.#logger.info({ failures }, 'registry answers again');
        failures = 0;
        if (taken !== '' && this.#detail !== taken)
          this.#logger.error({ instance: this.#of.instance.id }, taken);
        this.#detail = taken;
        await this.#pause(jitteredMs(taken === '' ? (this.#of.leaseS * 1000) / 3 : yieldedMs));
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        this.#detail = (error as Error).message;
        this.#link.failed();
        if (failures === 1) this.#logger.warn({ err: error }, 'not registered: trying again');
        await this.#pause(backoffMs(failures));
      }
    }
  }

  /** Sees to it that lease and keys are there. Answers who else has the keys; '' for nobody. */
  async #keep(etcd: Etcd3): Promise<string> {
    const until = performance.now() + this.#of.leaseS * 1_000;
    if (this.#lease === undefined || !(await this.#renew(etcd, this.#lease))) {
      if (this.#lease !== undefined) this.#logger.warn({ lease: this.#lease }, 'etcd has dropped the lease');
      this.#lease = undefined;
      const { ID } = await etcd.leaseClient.leaseGrant({ TTL: this.#of.leaseS });
      this.#lease = ID;
    }
    const lease = this.#lease;
    this.#leaseUntil = until;
    const { services, instance } = this.#of;
    for (let from = 0; from < services.length; from += mostInTransaction) {
      const keys = services.slice(from, from + mostInTransaction).map((service) => this.#key(service));
      const { responses } = await etcd.kv.txn({ success: keys.map((key) => ({ request_range: { key } })) });
      const found = responses.map(({ response_range: { kvs } }) => kvs[0]);
      const newer = found.map((kv) => kv && this.#newer(kv.value)).find((other) => other !== undefined);
      if (newer !== undefined)
        return `another process, at ${newer.address}, has registered as ${instance.id} (INSTANCE_ID) since ${newer.startedAt}`;
      const isOurs = (kv: (typeof found)[number]) => kv?.lease === lease && kv.value.equals(this.#value);
      const wanting = keys.filter((_, i) => !isOurs(found[i]));
      if (wanting.length === 0) continue;
      const success = wanting.map((key) => ({ request_put: { key, value: this.#value, lease } }));
      await etcd.kv.txn({ success });
      this.#logger.info({ lease, services: wanting.length }, 'registered');
    }
    return '';
  }

  /** The instance of this value, when it is another process with our id that started after us. */
  #newer(value: Buffer): Instance | undefined {
    const { instance } = this.#of;
    if (value.equals(this.#value)) return undefined;
    try {
      const other = decodeInstance(instance.id, value.toString());
      const rank = ({ startedAt, address }: Instance) => `${startedAt} ${address}`;
      return other.weight > 0 && rank(other) > rank(instance) ? other : undefined;
    } catch {
      // Nobody can use what cannot be read: it is overwritten.
      return undefined;
    }
  }

  /** Renews the lease; false when etcd knows no such lease any more. */
  async #renew(etcd: Etcd3, lease: string): Promise<boolean> {
    const stream = await etcd.leaseClient.leaseKeepAlive({ deadline: Date.now() + this.#link.timeoutMs });
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly TTL: string }>();
    stream.on('data', resolve);
    stream.on('error', reject);
    stream.on('end', () => reject(new Error('etcd ended the renewal')));
    stream.write({ ID: lease });
    const { TTL } = await promise.finally(() => stream.end());
    return Number(TTL) > 0;
  }

  #key(service: string): Buffer {
    return Buffer.from(`${this.#of.prefix}${service}/${this.#of.instance.id}`);
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(stopped);
  }
}

/** A pause that ended early because of `deregister`: the loop sees that for itself. */
const stopped = () => undefined;
