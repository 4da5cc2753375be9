import type { Etcd3, IEvent, IKeyValue, IWatchResponse } from 'etcd3';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../logger.ts';
import { backoffMs } from '../backoff.ts';
import { prefixEnd } from './client.ts';

/** How often etcd is asked for its revision: finds one that was reset, or hangs, while the watch is silent. */
const checkMs = 2_000;
/** After this long everything is listed anew, whatever the watch said. */
const relistMs = 30_000;

/** A key below the prefix, and its value; undefined when it was deleted or its lease ended. */
export interface Change {
  readonly key: string;
  readonly value: string | undefined;
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
  readonly #etcd: Etcd3;
  readonly #prefix: string;
  readonly #listener: WatchListener;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #revision = 0n;
  #detail = 'not connected yet';

  constructor(etcd: Etcd3, prefix: string, listener: WatchListener, logger: Logger) {
    this.#etcd = etcd;
    this.#prefix = prefix;
    this.#listener = listener;
    this.#logger = logger;
    void this.#run();
  }

  status(): { connected: boolean; detail: string } {
    return { connected: this.#detail === '', detail: this.#detail };
  }

  close(): void {
    this.#stop.abort();
    this.#etcd.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted;) {
      try {
        const next = await this.#list();
        if (failures > 0) this.#logger.info({ failures }, 'registry answers again');
        failures = 0;
        this.#detail = '';
        await this.#watch(next);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        this.#detail = (error as Error).message;
        if (failures === 1)
          this.#logger.warn({ err: error }, 'registry lost: the last known instances stay in use');
        await delay(backoffMs(failures), undefined, { signal }).catch(closed);
      }
    }
  }

  /** Tells all there is; answers the revision to watch from. */
  async #list(): Promise<bigint> {
    const { header, kvs } = await this.#etcd.kv.range(this.#range());
    const revision = BigInt(header.revision);
    if (revision < this.#revision)
      this.#logger.warn({ revision: `${revision}`, before: `${this.#revision}` }, 'registry was reset');
    this.#revision = revision;
    if (!this.#stop.signal.aborted) this.#listener.onList(kvs.map((kv) => this.#change(kv, false)));
    return revision + 1n;
  }

  /** Tells of changes from a revision on. Returns when it is time to list again, throws when something broke. */
  async #watch(from: bigint): Promise<void> {
    const stream = await this.#etcd.watchClient.watch();
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
      await Promise.race([over.promise, this.#check(signal)]);
    } finally {
      ended.abort();
      stream.cancel();
    }
  }

  #take(response: IWatchResponse): void {
    if (this.#stop.signal.aborted) return;
    if (response.canceled) throw new Error(response.cancel_reason || 'etcd cancelled the watch');
    const revision = BigInt(response.header.revision);
    if (revision > this.#revision) this.#revision = revision;
    if (response.events.length === 0) return;
    this.#listener.onChanges(response.events.map((event: IEvent) => this.#change(event.kv, isDelete(event))));
  }

  /** Returns when it is time to list again; throws when etcd does not answer. */
  async #check(signal: AbortSignal): Promise<void> {
    for (const until = Date.now() + relistMs; Date.now() < until;) {
      await delay(checkMs, undefined, { signal }).catch(closed);
      if (signal.aborted) return;
      const { header } = await this.#etcd.kv.range({ ...this.#range(), count_only: true });
      // Behind what it told before: its data were lost, and the watch waits for revisions that may never come.
      if (BigInt(header.revision) < this.#revision) return;
    }
  }

  #range(): { key: Buffer; range_end: Buffer } {
    return { key: Buffer.from(this.#prefix), range_end: prefixEnd(this.#prefix) };
  }

  #change({ key, value }: IKeyValue, deleted: boolean): Change {
    return {
      key: key.toString('utf8').slice(this.#prefix.length),
      value: deleted ? undefined : value.toString('utf8'),
    };
  }
}

/** On the wire the type is in capitals, which etcd3's own types do not say. */
function isDelete(event: IEvent): boolean {
  return String(event.type).toUpperCase() === 'DELETE';
}

/** A pause that `close` ended early: its loop sees that for itself. */
const closed = () => undefined;
