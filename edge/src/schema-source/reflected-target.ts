import { setTimeout as delay } from 'node:timers/promises';
import type { Connect } from '@weft/chassis/client/connection';
import { createMesh, type Mesh } from '@weft/chassis/client/mesh';
import { backoffMs } from '@weft/chassis/discovery/backoff';
import type { Instance, Resolver } from '@weft/chassis/discovery/registry';
import type { Logger } from '@weft/chassis/logger';
import { reflectionContract } from './known-files.ts';
import { reflect, type Reflected } from './reflect.ts';

const answerMs = 10_000;

export interface ReflectedTargetOptions {
  /** For people. */
  readonly name: string;
  /** Whom to ask. */
  readonly resolver: Resolver;
  /** One service, of which the resolver tells the instances. Default: all that the upstream lists. */
  readonly only?: string;
  readonly connect: Connect;
  /**
   * How often to ask for changes, beside each reconnection. Default: when the list of instances changes, which
   * tells of restarts too.
   */
  readonly everyMs?: number;
  readonly logger: Logger;
  readonly onSchema: (reflected: Reflected) => void;
  /** Called after each time it was asked, whether it answered or not. */
  readonly onAsked: () => void;
}

/**
 * Keeps asking an upstream for its schema: for ever while it is away, again when it is back or has other
 * instances (a deploy), and every now and then, until `close`. Of several instances the newest is asked,
 * and any of them where that fails.
 */
export class ReflectedTarget {
  readonly name: string;
  /** Why it was not heard of the last time; '' if it was. */
  fault = 'was not heard of yet';
  readonly #options: ReflectedTargetOptions;
  readonly #mesh: Mesh;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(instances: readonly Instance[]) => void>();
  readonly #unwatch: () => void;
  #instances: readonly Instance[] = [];
  #failures = 0;
  #asking = false;
  #changed = false;
  #wake = new AbortController();

  constructor(options: ReflectedTargetOptions) {
    const { name, resolver, logger } = options;
    this.name = name;
    this.#options = options;
    this.#mesh = createMesh({
      contract: reflectionContract(),
      resolver: this.#candidates(),
      connect: this.#noticing(options.connect),
      // The connections that carry calls are those to tell of.
      logger: logger.child({}, { level: 'warn' }),
    });
    this.#unwatch = resolver.watch(options.only ?? '', (instances) => {
      const before = this.#instances;
      this.#instances = instances.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt));
      if (versions(before) !== versions(instances)) this.#changed = true;
      this.#tell();
      this.#wake.abort();
    });
    void this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    this.#unwatch();
    await this.#mesh.close();
  }

  async #run(): Promise<void> {
    const { everyMs, logger, name } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      this.#changed = false;
      await this.#ask();
      if (this.#stop.signal.aborted) return;
      if (this.#failures === 1)
        logger.warn({ upstream: name, reason: this.fault }, 'no schema by reflection');
      this.#options.onAsked();
      if (this.#changed) continue;
      const { signal } = this.#wake;
      if (this.#failures > 0) await delay(backoffMs(this.#failures), undefined, { signal }).catch(woken);
      else if (everyMs !== undefined) await delay(everyMs, undefined, { signal }).catch(woken);
      else if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    }
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    this.#tell();
    try {
      const { signal } = this.#stop;
      const limits = { timeoutMs: answerMs, signal };
      const reflected = await reflect(this.#mesh, limits, this.#options.only);
      this.fault = '';
      this.#failures = 0;
      if (!this.#stop.signal.aborted) this.#options.onSchema(reflected);
    } catch (error) {
      this.fault = (error as Error).message;
      this.#failures += 1;
    } finally {
      this.#asking = false;
      this.#tell();
    }
  }

  /** The instances as the mesh below sees them: the newest, and all of them where that one failed. */
  #candidates(): Resolver {
    return {
      watch: (_, listener) => {
        this.#listeners.add(listener);
        this.#tell();
        return () => this.#listeners.delete(listener);
      },
      status: () => this.#options.resolver.status(),
      close: async () => undefined,
    };
  }

  #tell(): void {
    const asked = this.#failures % 2 === 0 ? this.#instances.slice(0, 1) : this.#instances;
    // Where its connections need not tell of a restart, there are none between two questions.
    const kept = this.#asking || this.#options.everyMs !== undefined;
    for (const listener of this.#listeners) listener(kept ? asked : []);
  }

  /** Connections that tell when they are up again: behind them may be another upstream than before. */
  #noticing(connect: Connect): Connect {
    return (address, workload, onChange) => {
      let ready = false;
      const connection = connect(address, workload, () => {
        onChange();
        if (connection.ready && !ready && !this.#asking) this.#wake.abort();
        ready = connection.ready;
      });
      return connection;
    };
  }
}

function versions(instances: readonly Instance[]): string {
  return instances
    .map(({ id, address, startedAt }) => `${id} ${address} ${startedAt}`)
    .sort()
    .join();
}

/** A pause that was cut short: the loop sees why. */
const woken = () => undefined;
