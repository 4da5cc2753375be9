import type { Logger } from '../../logger.ts';
import { decodeInstance } from '../instance-codec.ts';
import { KnownInstances } from '../known-instances.ts';
import { Listeners } from '../listeners.ts';
import type { Directory, Instance } from '../registry.ts';
import { readSnapshot, SnapshotWriter, type Snapshot } from '../snapshot.ts';
import type { EtcdLink } from './link.ts';
import { observeWatch } from './metrics.ts';
import { EtcdWatch, type Change } from './watch.ts';

export interface DirectoryOptions {
  readonly logger: Logger;
  readonly graceMs: number;
  /** Where the last list is kept, and of what it is one. */
  readonly cache: { readonly folder: string; readonly source: string } | undefined | '';
}

type Entry = readonly [service: string, id: string, instance: Instance | undefined];

/** The instances of all services, as etcd tells of them. */
export class EtcdDirectory implements Directory {
  readonly #begin: () => EtcdWatch;
  readonly #logger: Logger;
  readonly #known: KnownInstances;
  readonly #listeners = new Map<string, Listeners<readonly Instance[]>>();
  readonly #readers: Listeners<readonly string[]>;
  readonly #writer: SnapshotWriter | undefined;
  /** What there is to go on until etcd has told for the first time. */
  #snapshot: Snapshot | undefined;
  #watch: EtcdWatch | undefined;
  #unobserve: (() => void) | undefined;
  #names = '';
  /** Keys that could not be read, with their revision: each is logged once. */
  #unreadable = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(link: () => EtcdLink, prefix: string, { logger, graceMs, cache }: DirectoryOptions) {
    this.#logger = logger;
    this.#known = new KnownInstances(graceMs);
    this.#readers = new Listeners(logger);
    const told = {
      onList: (content: readonly Change[]) => this.#list(content),
      onChanges: (changes: readonly Change[]) => this.#change(changes),
    };
    this.#begin = () => {
      const watch = new EtcdWatch(link(), prefix, told, logger);
      this.#unobserve = observeWatch(() => ({ connected: watch.status().connected, ageMs: watch.ageMs }));
      return watch;
    };
    if (!cache) return;
    this.#writer = new SnapshotWriter(cache.folder, cache.source, logger);
    this.#snapshot = readSnapshot(cache.folder, cache.source, logger);
    for (const [service, instance] of this.#snapshot?.instances ?? []) {
      this.#known.put(service, instance);
      this.#known.missing(service, instance.id, performance.now());
    }
  }

  watch(service: string, listener: (instances: readonly Instance[]) => void): () => void {
    if (this.#closed) return () => undefined;
    this.#watch ??= this.#begin();
    const all = this.#listeners.get(service) ?? new Listeners(this.#logger);
    this.#listeners.set(service, all);
    const instances = this.#known.of(service);
    return all.add(listener, instances.length > 0 ? instances : undefined);
  }

  services(listener: (names: readonly string[]) => void): () => void {
    if (this.#closed) return () => undefined;
    this.#watch ??= this.#begin();
    const now = this.#known.services();
    return this.#readers.add(listener, now.length > 0 ? now : undefined);
  }

  status(): { connected: boolean; detail: string } {
    if (this.#watch === undefined) return { connected: true, detail: 'nothing was asked of it yet' };
    const { connected, detail } = this.#watch.status();
    if (connected || this.#snapshot === undefined) return { connected, detail };
    const { savedAt, instances } = this.#snapshot;
    const seconds = Math.max(0, Math.round((Date.now() - savedAt) / 1000));
    const from = `${instances.length} entries saved ${seconds} s ago (${new Date(savedAt).toISOString()})`;
    return { connected, detail: `${detail}; in use are the ${from}` };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#unobserve?.();
    this.#watch?.close();
    for (const all of this.#listeners.values()) all.clear();
    this.#readers.clear();
    await this.#writer?.close();
  }

  #list(content: readonly Change[]): void {
    this.#snapshot = undefined;
    const listed = new Set(content.map(({ key }) => key));
    for (const key of this.#unreadable.keys()) if (!listed.has(key)) this.#unreadable.delete(key);
    const entries = content
      .map((change) => this.#read(change))
      .flatMap((entry) => {
        const [service, , instance] = entry ?? [];
        return service === undefined || instance === undefined ? [] : [[service, instance] as const];
      });
    this.#tell(this.#known.replace(entries, performance.now()));
  }

  #change(changes: readonly Change[]): void {
    const changed = new Set<string>();
    for (const entry of changes.map((change) => this.#read(change))) {
      if (entry === undefined) continue;
      const [service, id, instance] = entry;
      if (instance === undefined) this.#known.missing(service, id, performance.now());
      else if (this.#known.put(service, instance)) changed.add(service);
    }
    this.#tell(changed);
  }

  #read({ key, value, revision }: Change): Entry | undefined {
    const [service = '', id = '', ...rest] = key.split('/');
    try {
      if (service === '' || id === '' || rest.length > 0) throw new Error('is no <service>/<instance>');
      const entry: Entry = [service, id, value === undefined ? undefined : decodeInstance(id, value)];
      this.#unreadable.delete(key);
      return entry;
    } catch (error) {
      if (this.#unreadable.get(key) !== revision)
        this.#logger.warn({ key, err: error }, 'a registration that cannot be read is skipped');
      this.#unreadable.set(key, revision);
      return undefined;
    }
  }

  /** Tells of services that changed, and comes back when a vanished instance is to go. */
  #tell(changed: ReadonlySet<string>): void {
    for (const service of changed) this.#listeners.get(service)?.tell(this.#known.of(service));
    if (changed.size > 0) this.#writer?.write(() => this.#known.all());
    const names = this.#known.services();
    if (names.join() !== this.#names) {
      this.#names = names.join();
      this.#readers.tell(names);
    }
    clearTimeout(this.#timer);
    const waitMs = this.#known.nextExpiry() - performance.now();
    if (this.#closed || waitMs === Infinity) return;
    this.#timer = setTimeout(() => this.#expire(), Math.min(Math.max(waitMs, 0) + 1, 2 ** 31 - 1)).unref();
  }

  /** What vanished goes only while etcd answers: nobody can come back to one that is away. */
  #expire(): void {
    if (this.#watch?.status().connected === true) this.#tell(this.#known.expire(performance.now()));
    else this.#timer = setTimeout(() => this.#expire(), 1_000).unref();
  }
}
