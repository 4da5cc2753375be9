import type { Etcd3, IEvent, IKeyValue, IWatchResponse } from 'etcd3';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../logger.ts';
import { backoffMs, jitteredMs } from '../backoff.ts';
import { prefixEnd } from './address.ts';
import type { EtcdLink } from './link.ts';

/** How often the node is asked for its revision: finds one that was reset, or hangs, while the watch is silent. */
const checkMs = 2_500;
/** After this long everything is listed anew, whatever the watch said. */
const relistMs = 300_000;
/** Keys in one answer of a list. */
const pageKeys = 500;

/** A key below the prefix, and its value; undefined when it was deleted or its lease ended. */
export interface Change {
  readonly key: string;
  readonly value: string | undefined;
  /** When it was last written, in etcd's revisions. */
  readonly revision: string;
}

export interface WatchListener {
  /** Everything there is. */
  onList(content: readonly Change[]): void;
  onChanges(changes: readonly Change[]): void;
}

/**
 * Follows all keys below a prefix: lists them, watches from the revision after, and begins again
 * after every error, cancellation, compaction or reset. While etcd is away nothing is told.
 */
export class EtcdWatch {
  readonly #link: EtcdLink;
  readonly #prefix: string;
  readonly #listener: WatchListener;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #revision = 0n;
  #detail = 'not connected yet';
  /** When the node was last heard of. */
  #heardAt = performance.now();

  constructor(link: EtcdLink, prefix: string, listener: WatchListener, logger: Logger) {
    this.#link = link;
    this.#prefix = prefix;
    this.#listener = listener;
    this.#logger = logger;
    void this.#run();
  }

  status(): { connected: boolean; detail: string } {
    return { connected: this.#detail === '', detail: this.#detail };
  }

  /** Since the node was last heard of, milliseconds: what is known may be so old. */
  get ageMs(): number {
    return performance.now() - this.#heardAt;
  }

  close(): void {
    this.#stop.abort();
    this.#link.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted;) {
      let listedAt = Infinity;
      try {
        const etcd = await this.#link.client();
        const next = await this.#list(etcd);
        listedAt = performance.now();
        if (failures > 0) this.#logger.info({ failures }, 'registry answers again');
        this.#detail = '';
        await this.#watch(etcd, next);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        // A list that works and a watch that breaks at once are no reason to try at full speed.
        if (performance.now() - listedAt > checkMs) failures = 0;
        failures += 1;
        this.#detail = (error as Error).message;
        this.#link.failed();
        if (failures === 1)
          this.#logger.warn({ err: error }, 'registry lost: the last known instances stay in use');
        await delay(backoffMs(failures), undefined, { signal }).catch(closed);
      }
    }
  }

  /** Tells all there is, read in pages of one revision; answers the revision to watch from. */
  async #list(etcd: Etcd3): Promise<bigint> {
    const content: Change[] = [];
    let revision: bigint | undefined;
    const { key: first, range_end } = this.#range();
    for (let key = first; ;) {
      const at = revision === undefined ? {} : { revision: `${revision}` };
      const { header, kvs, more } = await etcd.kv.range({ key, range_end, limit: pageKeys, ...at });
      revision ??= BigInt(header.revision);
      content.push(...kvs.map((kv) => this.#change(kv, false)));
      const last = kvs.at(-1);
      if (!more || last === undefined) break;
      key = Buffer.concat([last.key, Buffer.of(0)]);
    }
    if (revision < this.#revision)
      this.#logger.warn({ revision: `${revision}`, before: `${this.#revision}` }, 'registry was reset');
    this.#revision = revision;
    this.#heardAt = performance.now();
    if (!this.#stop.signal.aborted) this.#listener.onList(content);
    return revision + 1n;
  }

  /** Tells of changes from a revision on. Returns when it is time to list again, throws when something broke. */
  async #watch(etcd: Etcd3, from: bigint): Promise<void> {
    const stream = await etcd.watchClient.watch();
    const over = Promise.withResolvers<void>();
    stream.on('data', (response) => {
      try {
        this.#take(response);
      } catch (error) {
        over.reject(error);
      }
    });
    stream.on('error', over.reject);
    stream.on('end', () => over.reject(new Error('etcd ended the watch')));
    stream.write({ create_request: { ...this.#range(), start_revision: `${from}` } });
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, this.#stop.signal]);
    try {
      await Promise.race([over.promise, this.#check(etcd, signal)]);
    } finally {
      ended.abort();
      // etcd3 takes the error of a stream that it could still write to as the node's, and would close its connection.
      stream.end();
      stream.cancel();
    }
  }

  #take(response: IWatchResponse): void {
    if (this.#stop.signal.aborted) return;
    if (response.canceled) throw new Error(response.cancel_reason || 'etcd cancelled the watch');
    this.#heardAt = performance.now();
    const revision = BigInt(response.header.revision);
    if (revision > this.#revision) this.#revision = revision;
    if (response.events.length === 0) return;
    this.#listener.onChanges(response.events.map((event: IEvent) => this.#change(event.kv, isDelete(event))));
  }

  /** Returns when it is time to list again; throws when the node does not answer, or has no leader. */
  async #check(etcd: Etcd3, signal: AbortSignal): Promise<void> {
    for (const until = performance.now() + jitteredMs(relistMs); performance.now() < until;) {
      await delay(jitteredMs(checkMs), undefined, { signal }).catch(closed);
      if (signal.aborted) return;
      const { header } = await etcd.kv.range({ key: this.#range().key, keys_only: true });
      this.#heardAt = performance.now();
      // Behind what it told before: its data were lost, and the watch waits for revisions that may never come.
      if (BigInt(header.revision) < this.#revision) return;
    }
  }

  #range(): { key: Buffer; range_end: Buffer } {
    return { key: Buffer.from(this.#prefix), range_end: prefixEnd(this.#prefix) };
  }

  #change({ key, value, mod_revision }: IKeyValue, deleted: boolean): Change {
    return {
      key: key.toString('utf8').slice(this.#prefix.length),
      value: deleted ? undefined : value.toString('utf8'),
      revision: mod_revision,
    };
  }
}

/** On the wire the type is in capitals, which etcd3's own types do not say. */
function isDelete(event: IEvent): boolean {
  return String(event.type).toUpperCase() === 'DELETE';
}

/** A pause that `close` ended early: its loop sees that for itself. */
const closed = () => undefined;
